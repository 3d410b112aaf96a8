/** The cache of finished analyses: Redis, or memory. Losing it costs time, never a result. */
export interface Cache extends AsyncDisposable {
  /** Which cache this is, to show. */
  readonly name: string;
  /**
   * The values of these keys, in their order; undefined where there is none, or while the cache is down.
   */
  getMany(keys: readonly string[]): Promise<(string | undefined)[]>;
  /** Stores values. Never throws; what could not be stored is simply missing later. */
  setMany(entries: ReadonlyMap<string, string>): Promise<void>;
  /** Deletes values. Never throws: while the cache is down they remain until they expire. */
  deleteMany(keys: readonly string[]): Promise<void>;
  /** Resolves if the cache responds, otherwise throws. */
  ping(): Promise<void>;
}
