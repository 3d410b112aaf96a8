/** Where finished analyses are remembered: Redis, or memory. Losing it costs time, never a result. */
export interface Cache extends AsyncDisposable {
  /** Which cache this is, for people. */
  readonly name: string;
  /**
   * The values of these keys, in their order; undefined where there is none, or where the cache does not
   * answer.
   */
  getMany(keys: readonly string[]): Promise<(string | undefined)[]>;
  /** Remembers values. Never throws; what could not be kept is simply missing later. */
  setMany(entries: ReadonlyMap<string, string>): Promise<void>;
  /** Forgets values. Never throws: while the cache is down they live until they expire. */
  deleteMany(keys: readonly string[]): Promise<void>;
  /** Answers when the cache does; throws when it does not. */
  ping(): Promise<void>;
}
