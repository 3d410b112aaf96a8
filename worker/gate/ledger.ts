/** The rates and budget that this process has leased: unused, in use, and to be settled with the store. */
import type { Settled, Share } from "../../core/store/model_flow.ts";
import type { Usage } from "../analysers/analyser.ts";

/** A lease unused for this long is returned for other workers. */
const LEASE_MS = 2_000;

interface Leased {
  readonly day: string;
  readonly share: Share;
  readonly at: number;
  count: number;
}

export interface Ledger {
  /** What one analysis is estimated to need now. */
  share(): Share;
  lease(day: string, count: number): void;
  /** Begins up to `most` analyses on what is leased. */
  begin(most: number): number;
  /** Analyses that were begun and will not be. */
  giveBack(count: number): void;
  /** Ends the analysis that began first. An unknown usage counts as the most it may have cost. */
  end(usage: Usage | "unknown" | "none"): void;
  /** What has to be settled now, once per day of charge; it counts as settled from here on. */
  settle(options?: { readonly all?: boolean }): Settled[];
  /** Puts back what could not be settled. */
  unsettle(settled: readonly Settled[]): void;
}

export interface LedgerOptions {
  readonly typicalTokens: number;
  readonly mostUsd: number;
  /** No analysis needs more than the whole of it: a small budget lets at least one begin. */
  readonly usdPerDay?: number | undefined;
  readonly now?: () => number;
}

export function createLedger(
  { typicalTokens, mostUsd, usdPerDay = Infinity, now = () => performance.now() }: LedgerOptions,
): Ledger {
  let tokens = typicalTokens;
  let usd = Math.min(mostUsd, usdPerDay);
  let unused: Leased[] = [];
  const begun: Leased[] = [];
  let open = new Map<string, Settled>();

  function add(day: string, by: Partial<Settled>) {
    const { requestsBack = 0, tokensBack = 0, usdBack = 0, usdSpent = 0 } = by;
    const old = open.get(day);
    open.set(day, {
      day,
      requestsBack: (old?.requestsBack ?? 0) + requestsBack,
      tokensBack: (old?.tokensBack ?? 0) + tokensBack,
      usdBack: (old?.usdBack ?? 0) + usdBack,
      usdSpent: (old?.usdSpent ?? 0) + usdSpent,
    });
  }

  /** Takes from the front of a list, lease by lease. */
  function take(from: Leased[], most: number): Leased[] {
    const taken: Leased[] = [];
    for (let left = most; left > 0 && from.length > 0;) {
      const first = from[0]!;
      const count = Math.min(left, first.count);
      taken.push({ ...first, count });
      first.count -= count;
      left -= count;
      if (first.count === 0) from.shift();
    }
    return taken;
  }

  const sum = (leases: readonly Leased[]) => leases.reduce((total, { count }) => total + count, 0);

  return {
    share: () => ({ tokens: Math.ceil(tokens), usd }),
    lease(day, count) {
      if (count > 0) unused.push({ day, share: this.share(), at: now(), count });
    },
    begin(most) {
      const taken = take(unused, most);
      begun.push(...taken);
      return sum(taken);
    },
    giveBack(count) {
      unused.unshift(...take(begun, count));
    },
    end(usage) {
      const [lease] = take(begun, 1);
      if (lease === undefined) return;
      const { day, share } = lease;
      if (usage === "unknown") return add(day, { usdSpent: share.usd });
      if (usage === "none") return add(day, { tokensBack: share.tokens, usdBack: share.usd });
      const used = usage.inputTokens + usage.outputTokens;
      if (used > 0) tokens += (used - tokens) / 10;
      usd = Math.min(Math.max(usd, usage.costUsd), usdPerDay);
      add(day, {
        requestsBack: 1 - (usage.requests ?? 1),
        tokensBack: share.tokens - used,
        usdBack: share.usd - usage.costUsd,
        usdSpent: usage.costUsd,
      });
    },
    settle({ all = false } = {}) {
      const kept: Leased[] = [];
      for (const lease of unused) {
        if (!all && now() - lease.at < LEASE_MS) kept.push(lease);
        else {
          const { day, count, share } = lease;
          add(day, { requestsBack: count, tokensBack: count * share.tokens, usdBack: count * share.usd });
        }
      }
      unused = kept;
      const settled = [...open.values()];
      open = new Map();
      return settled;
    },
    unsettle(settled) {
      for (const { day, ...amounts } of settled) add(day, amounts);
    },
  };
}
