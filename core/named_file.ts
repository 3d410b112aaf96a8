/** Files that settings name: certificates, keys, secrets. */

/**
 * Reads a text.
 *
 * @throws {Error} naming the file, the setting, and why
 */
export function readNamedFile(path: string, setting: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    throw new Error(`Cannot read ${path}, which ${setting} names (${whyUnreadable(error)})`);
  }
}

/**
 * Why a file cannot be read: the error's name, since its message may hold a secret given in place of a path, and
 * Deno's advice is a flag that neither tasks nor containers pass on.
 */
export function whyUnreadable(error: unknown): string {
  return error instanceof Deno.errors.NotCapable
    ? "this program may read its own folder and /run/secrets, so copy the file there"
    : error instanceof Error
    ? error.name
    : String(error);
}
