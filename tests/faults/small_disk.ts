/**
 * A file system of a few megabytes that can be filled to its last byte: a full disk other than this
 * machine's.
 */

export interface SmallDisk extends AsyncDisposable {
  /** An empty folder on it. */
  readonly folder: string;
  /**
   * Takes every byte that is left, and each one that comes free, as a log that grows and grows does, until
   * disposed.
   */
  fill(): Disposable;
}

/** Only root may mount. */
export const CAN_MOUNT = Deno.uid() === 0;

/** How often it checks for bytes that have become free. */
const GREED_MS = 20;
/** What a file system gives out at once. */
const PAGE_BYTES = 4_096;

/** Mounts one; disposing unmounts it. */
export async function mountSmallDisk(megabytes: number): Promise<SmallDisk> {
  const mounted = await Deno.makeTempDir({ prefix: "small-disk-" });
  await run("mount", "-t", "tmpfs", "-o", `size=${megabytes}m,mode=755`, "small-disk", mounted);
  const folder = `${mounted}/data`;
  await Deno.mkdir(folder, { mode: 0o700 });
  const ballast = `${mounted}/ballast`;
  return {
    folder,
    fill() {
      const file = Deno.openSync(ballast, { createNew: true, write: true });
      takeAll(file);
      const timer = setInterval(takeAll, GREED_MS, file);
      return {
        [Symbol.dispose]() {
          clearInterval(timer);
          file.close();
          Deno.removeSync(ballast);
        },
      };
    },
    async [Symbol.asyncDispose]() {
      await run("umount", "--lazy", mounted); // also while a program that hangs still holds it
      await Deno.remove(mounted);
    },
  };
}

/** Writes until not one page more fits. */
function takeAll(file: Deno.FsFile) {
  for (const zeros of [new Uint8Array(256 * PAGE_BYTES), new Uint8Array(PAGE_BYTES)]) {
    try {
      for (;;) file.writeSync(zeros);
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "ENOSPC")) throw error;
    }
  }
}

async function run(program: string, ...args: string[]) {
  const { success, stderr } = await new Deno.Command(program, { args }).output();
  if (!success) throw new Error(`${program} failed: ${new TextDecoder().decode(stderr)}`);
}
