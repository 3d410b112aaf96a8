/**
 * A wall clock that can be set while programs run: libfaketime, loaded into them. Their monotonic clocks stay
 * right.
 */

export interface Clock extends AsyncDisposable {
  /** The environment that makes PostgreSQL use this clock. */
  readonly forPostgres: Readonly<Record<string, string>>;
  /** The environment that makes one of our programs use it, which has many threads. */
  readonly forPrograms: Readonly<Record<string, string>>;
  /**
   * Sets it ahead of the true time by that many seconds; 0 corrects it. At once, for all programs that use
   * it.
   */
  set(aheadS: number): Promise<void>;
}

/** Makes a clock that is right. Needs Debian's `faketime`. */
export async function makeClock(): Promise<Clock> {
  const libraries = `/usr/lib/${Deno.build.arch}-linux-gnu/faketime`;
  const folder = await Deno.makeTempDir({ prefix: "clock-" });
  await Deno.chmod(folder, 0o755); // PostgreSQL's user reads it too
  const file = `${folder}/ahead`;
  async function set(aheadS: number) {
    // Moved into place: no program reads half of it.
    await Deno.writeTextFile(`${file}.new`, `+${aheadS}\n`);
    await Deno.rename(`${file}.new`, file);
  }
  await set(0);
  const env = (library: string) => ({
    LD_PRELOAD: `${libraries}/${library}`,
    FAKETIME_TIMESTAMP_FILE: file,
    FAKETIME_NO_CACHE: "1",
    FAKETIME_DONT_FAKE_MONOTONIC: "1",
    NO_FAKE_STAT: "1",
  });
  return {
    forPostgres: env("libfaketime.so.1"),
    forPrograms: env("libfaketimeMT.so.1"),
    set,
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}
