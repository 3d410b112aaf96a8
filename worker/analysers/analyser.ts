/** What every analyser is. Adding one: a file beside this one, and its line in `registry.ts`. */

/** What an analyser sees of a thought. */
export interface Subject {
  readonly text: string;
  readonly context: string | null;
}

/** What a language model used for an analysis. */
export interface Usage {
  readonly provider: string;
  readonly model: string;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly costUsd: number;
  /** Requests it took. @default 1 */
  readonly requests?: number;
}

export interface Analysis {
  /** Checked against the result's schema by the caller: an analyser is not trusted. */
  readonly result: unknown;
  readonly usage?: Usage;
}

/** A language model behind an analyser: it can be down, has limits, and costs money. */
export interface Model {
  readonly provider: string;
  readonly name: string;
  /** Tokens that an analysis is estimated to need until some have been measured. */
  readonly typicalTokens: number;
  /** More than nearly any analysis costs: this much of the day's budget is reserved for each. 0 if free. */
  readonly mostUsd: number;
  /** Whether its price is known; otherwise it counts as free. */
  readonly priced: boolean;
}

export interface Analyser {
  readonly name: string;
  /** Changes whenever the same text would be analysed differently, which leaves old cache entries behind. */
  readonly version: string;
  /** Thoughts handled together; small where each takes seconds, since they wait for their neighbours. */
  readonly batchSize: number;
  /** Analyses in progress at once. */
  readonly concurrency: number;
  /** Set where a model does the work; a gate shared by all workers then guards it. */
  readonly model?: Model;
  /**
   * Analyses one thought. Return without a promise where nothing is awaited: that is much faster.
   *
   * @param signal aborts when the deadline has passed
   * @throws anything; the attempt has then failed and is retried later. Only an {@link AnalysisError}'s
   * message is
   *   shown to people, since others may quote the thought
   */
  analyse(subject: Subject, signal: AbortSignal): Analysis | Promise<Analysis>;
}

/**
 * Whose fault a failure is, and so what it costs the thought:
 *
 * - `unavailable`: the endpoint's. Nothing is charged; the thought waits.
 * - `refused`: the thought's, for good. It fails at once, with the reason.
 * - `invalid`: the response is not a result. One attempt is charged.
 * - `timeout`: unknown. An attempt is charged only where others got through meanwhile.
 */
export type FailureKind = "unavailable" | "refused" | "invalid" | "timeout";

/**
 * What is unavailable: the whole endpoint, further use for now (rate), until the account is paid, or to this
 * key.
 */
export type UnavailableScope = "outage" | "rate" | "quota" | "credentials";

export interface AnalysisErrorOptions {
  readonly cause?: unknown;
  /** What was used before it failed. */
  readonly usage?: Usage | undefined;
  /** @default "invalid" */
  readonly kind?: FailureKind;
  /** Of `unavailable` only. @default "outage" */
  readonly scope?: UnavailableScope;
  /** How long the endpoint asks to wait, in milliseconds. */
  readonly retryAfterMs?: number | undefined;
}

/** A failure whose message is known to hold no thought text. */
export class AnalysisError extends Error {
  override readonly name = "AnalysisError";
  readonly kind: FailureKind;
  readonly scope: UnavailableScope;
  readonly retryAfterMs: number | undefined;
  readonly usage: Usage | undefined;

  constructor(message: string, options: AnalysisErrorOptions = {}) {
    super(message, { cause: options.cause });
    this.kind = options.kind ?? "invalid";
    this.scope = options.scope ?? "outage";
    this.retryAfterMs = options.retryAfterMs;
    this.usage = options.usage;
  }
}
