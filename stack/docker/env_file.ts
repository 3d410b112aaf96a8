/** The `.env` file: created once, with random passwords. */
import { withPath } from "../paths.ts";

/** 18 random bytes: beyond guessing, and 24 characters that need no quoting anywhere. */
const PASSWORD_BYTES = 18;

/**
 * Writes `.env` from `.env.example`, with a random value for every variable (commented out or not) whose
 * name ends with `_PASSWORD`, readable only by its owner. An existing file is never touched; its folder is
 * there.
 *
 * @returns whether it was made now
 */
export async function makeEnvFile(path: string, example: string): Promise<boolean> {
  const text = example.replaceAll(/^#?(\w+_PASSWORD)=.*$/gm, (_, name) => `${name}=${password()}`);
  try {
    await withPath(path, () => Deno.writeTextFile(path, text, { createNew: true, mode: 0o600 }));
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) return false;
    throw error;
  }
}

function password(): string {
  return crypto.getRandomValues(new Uint8Array(PASSWORD_BYTES)).toBase64({ alphabet: "base64url" });
}
