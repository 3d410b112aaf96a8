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
}

export interface Analysis {
  /** Checked against the result's schema by the caller: an analyser is not trusted. */
  readonly result: unknown;
  readonly usage?: Usage;
}

export interface Analyser {
  readonly name: string;
  /** Changes whenever the same text would be analysed differently, so that old cache entries are left behind. */
  readonly version: string;
  /** Thoughts handled together; small where each takes seconds, so that none waits long for its neighbours. */
  readonly batchSize: number;
  /** Analyses under way at once. */
  readonly concurrency: number;
  /**
   * Analyses one thought. Answer without a promise where nothing is waited for: that is much faster.
   *
   * @param signal aborts when the deadline has passed
   * @throws anything; the attempt has then failed and is made again later. Only an {@link AnalysisError}'s message is
   *   shown to people, since others may quote the thought
   */
  analyse(subject: Subject, signal: AbortSignal): Analysis | Promise<Analysis>;
}

/** A failure whose message is known to hold no thought text. */
export class AnalysisError extends Error {
  override readonly name = "AnalysisError";
  /** What was used up before it failed. */
  readonly usage: Usage | undefined;

  constructor(
    message: string,
    options: { readonly cause?: unknown; readonly usage?: Usage | undefined } = {},
  ) {
    super(message, { cause: options.cause });
    this.usage = options.usage;
  }
}
