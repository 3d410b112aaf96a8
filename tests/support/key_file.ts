/** A file of API keys that a test changes. */

export interface KeyFile extends Disposable {
  readonly path: string;
  write(...lines: string[]): void;
}

export function createKeyFile(...first: string[]): KeyFile {
  const path = Deno.makeTempFileSync();
  let changes = 0;
  const file: KeyFile = {
    path,
    write(...lines) {
      Deno.writeTextFileSync(path, lines.join("\n"));
      // Its modification time moves by a second each time, whatever the clock does.
      const at = new Date(1_700_000_000_000 + 1_000 * changes++);
      Deno.utimeSync(path, at, at);
    },
    [Symbol.dispose]() {
      try {
        Deno.removeSync(path);
      } catch (error) {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      }
    },
  };
  file.write(...first);
  return file;
}
