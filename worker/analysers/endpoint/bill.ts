/** What one analysis used, over all its requests. */
import type { Model, Usage } from "../analyser.ts";
import { costUsd, type Price } from "../prices.ts";
import type { Completion } from "./completion.ts";

export interface Bill {
  /** Counts a request. */
  request(): void;
  /** Adds the usage that a response states. A count that is not a sane number makes all of it unknown. */
  pay(usage: Completion["usage"]): void;
  /** Undefined when it is not known. */
  usage(): Usage | undefined;
}

export function openBill({ provider, name: model }: Pick<Model, "provider" | "name">, price: Price): Bill {
  let [requests, inputTokens, outputTokens, sane] = [0, 0, 0, true];
  return {
    request: () => void requests++,
    pay(usage) {
      const [input, output] = [usage?.prompt_tokens, usage?.completion_tokens];
      if (isTokenCount(input) && isTokenCount(output)) {
        [inputTokens, outputTokens] = [inputTokens + input, outputTokens + output];
      } else sane = false;
    },
    usage() {
      if (!sane) return undefined;
      const used = { provider, model, inputTokens, outputTokens };
      const usage = { ...used, costUsd: costUsd(price, inputTokens, outputTokens) };
      return requests > 1 ? { ...usage, requests } : usage;
    },
  };
}

/** More than any context holds. */
const MAX_TOKENS = 10_000_000;

const isTokenCount = (count: unknown): count is number =>
  typeof count === "number" && Number.isInteger(count) && count >= 0 && count <= MAX_TOKENS;
