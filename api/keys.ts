/**
 * API keys. The file holds one key a line, as `name:sha256-of-the-key-in-hex`; `#` starts a comment. It is read again
 * when it changes, so keys are added and taken away without a restart.
 */
import { Buffer } from "node:buffer";
import { createHash, timingSafeEqual } from "node:crypto";
import { type Logger, reason } from "../core/telemetry/log.ts";

export interface Keys {
  /** The name of a key, or undefined when there is no such key. */
  nameOf(key: string): string | undefined;
}

/** How often the file's time of change is looked at, at most. */
const LOOK_EVERY_MS = 1_000;
const LINE = /^([\w.-]{1,64}):([0-9a-f]{64})$/i;

/**
 * Opens a key file.
 *
 * @throws {Error} when the file can't be read, holds a line that is no key, or no key at all. Later, a file like that
 *   is reported and the keys known before stay in force
 */
export function openKeys(path: string, log: Logger, now = () => performance.now()): Keys {
  let keys = read(path);
  let changed = changeOf(path);
  let looked = now();

  function refresh() {
    if (now() - looked < LOOK_EVERY_MS) return;
    looked = now();
    try {
      if (changeOf(path) === changed) return;
      changed = changeOf(path);
      keys = read(path);
      log.info("API keys read again", { keys: keys.length });
    } catch (error) {
      log.error("API keys not read, the old ones stay in force", { reason: reason(error) });
    }
  }

  return {
    nameOf(key) {
      refresh();
      const hash = createHash("sha256").update(key).digest();
      let found: string | undefined;
      // Every key is compared, and each in constant time: how long it takes says nothing.
      for (const { name, hash: known } of keys) if (timingSafeEqual(hash, known)) found = name;
      return found;
    },
  };
}

/** A new key and the line that lets it in. */
export function makeKey(name: string): { readonly key: string; readonly line: string } {
  if (!/^[\w.-]{1,64}$/.test(name)) {
    throw new RangeError(`Cannot name a key "${name}": use letters, digits, _ . - only, at most 64`);
  }
  const key = `tp_${Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString("base64url")}`;
  return { key, line: `${name}:${createHash("sha256").update(key).digest("hex")}` };
}

function changeOf(path: string): number {
  return Deno.statSync(path).mtime?.getTime() ?? 0;
}

function read(path: string): readonly { readonly name: string; readonly hash: Buffer }[] {
  const lines = Deno.readTextFileSync(path).split("\n").map((line) => line.replace(/#.*/, "").trim());
  const keys = lines.flatMap((line, at) => {
    if (line === "") return [];
    const [, name, hash] = LINE.exec(line) ?? [];
    if (name === undefined || hash === undefined) {
      throw new Error(
        `${path}:${at + 1} is no key: each line is name:sha256. Make one with: deno task key NAME`,
      );
    }
    return [{ name, hash: Buffer.from(hash, "hex") }];
  });
  if (keys.length === 0) throw new Error(`${path} holds no key. Make one with: deno task key NAME`);
  return keys;
}
