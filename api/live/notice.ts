/** The notice above everything: why no thought is being analysed, if known. */
import type { Sample } from "./sampler.ts";

export interface Notice {
  /** Why the workers' gate is closed. */
  readonly reason: string;
  readonly text: string;
  /** Milliseconds since the epoch. */
  readonly since: number;
}

const TEXTS: Readonly<Record<string, string>> = {
  outage: "The language model is unavailable",
  rate: "The language model asked for a pause",
  quota: "The account with the language model's provider has no credit",
  credentials: "The language model refuses the API key",
  budget: "The day's budget for the language model is spent",
  paused: "An operator paused the workers",
};

/** @returns undefined while the workers may analyse thoughts */
export function noticeOf({ closed }: Pick<Sample, "closed">): Notice | undefined {
  if (closed === null) return undefined;
  const { reason, since } = closed;
  return { reason, text: TEXTS[reason] ?? "The workers do not analyse thoughts", since };
}
