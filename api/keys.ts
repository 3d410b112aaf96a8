/**
 * API keys. A file holds one key a line, `name:sha256-of-the-key user=… scopes=… expires=…`; `#` starts a
 * comment. It is read again when it changes: keys come and go without a restart. A line that cannot be read
 * admits nobody, a file that cannot be read admits nobody either; both are logged and counted.
 */
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { type Logger, reason } from "../core/telemetry/log.ts";

/** What a key may allow: reading, posting and deleting thoughts, operating the workers, delivering alerts. */
export const SCOPES = ["read", "write", "delete", "operate", "alerts"] as const;
export type Scope = (typeof SCOPES)[number];

/** Scopes of a key that names none. */
const DEFAULT_SCOPES: readonly Scope[] = ["read", "write", "delete"];

/** What a key grants. */
export interface Grant {
  /** Names the key in logs, limits and queues; never the key itself. */
  readonly name: string;
  /** The user whose thoughts it reaches; null reaches every user's. */
  readonly user: string | null;
  readonly scopes: ReadonlySet<Scope>;
  /** Milliseconds since the epoch; null never expires. */
  readonly expiresAt: number | null;
  /** Aborts once the key is revoked, changed or expired. */
  readonly revoked: AbortSignal;
}

export interface KeyCounts {
  readonly valid: number;
  readonly expired: number;
  /** Lines that cannot be read; 1 for each file that cannot be read. */
  readonly broken: number;
}

export interface Keys extends Disposable {
  /** What a key grants; undefined if it is unknown or expired. */
  find(key: string): Grant | undefined;
  counts(): KeyCounts;
}

export interface KeysOptions {
  readonly paths: readonly string[];
  readonly log: Logger;
  /** How often the files are checked. @default 1_000 */
  readonly everyMs?: number;
  /** @default Date.now */
  readonly now?: () => number;
}

/**
 * Opens key files.
 *
 * @throws {Error} when one cannot be read, holds a line that is not a key, or no key at all
 */
export function openKeys({ paths, log, everyMs = 1_000, now = Date.now }: KeysOptions): Keys {
  const files = paths.map(openFile);
  let broken = 0;
  let grants = new Map<string, Held>();
  admit();

  /** Admits what the files hold now. */
  function admit() {
    const { entries, second } = unite(files);
    broken = second.length + files.reduce((sum, file) => sum + file.broken.length, 0);
    const before = grants;
    // A key whose line is unchanged keeps its grant, and its streams.
    grants = new Map(entries.map((entry) => {
      const same = before.get(entry.hash);
      return [entry.hash, same?.line === entry.line ? same : hold(entry)];
    }));
    for (const [hash, held] of before) if (grants.get(hash) !== held) held.revoke();
    for (const name of second) log.error("API key line admits nobody", { reason: secondName(name) });
  }

  function readAgain() {
    const changed = files.map(isChanged);
    if (!changed.includes(true)) return;
    admit();
    for (const [at, { path, entries, broken, unreadable }] of files.entries()) {
      if (!changed[at]) continue;
      if (unreadable !== undefined) {
        log.error("API key file cannot be read: nobody is admitted", { path, reason: unreadable });
        continue;
      }
      for (const line of broken) log.error("API key line admits nobody", { path, reason: `line ${line}` });
      if (entries.length === 0) log.error("API key file holds no key: nobody is admitted", { path });
      else log.info("API keys read", { path, keys: entries.length });
    }
  }

  const expired = ({ grant: { expiresAt } }: Held) => expiresAt !== null && expiresAt <= now();
  const timer = setInterval(() => {
    readAgain();
    for (const held of grants.values()) if (expired(held)) held.revoke();
  }, everyMs);
  Deno.unrefTimer(timer);

  return {
    find(key) {
      // The hash of a secret of 256 bits: the time of its lookup reveals nothing about the secret.
      const held = grants.get(hashOf(key));
      if (held === undefined || held.grant.revoked.aborted || expired(held)) return undefined;
      return held.grant;
    },
    counts() {
      const all = [...grants.values()];
      const late = all.filter(expired).length;
      return { valid: all.length - late, expired: late, broken };
    },
    [Symbol.dispose]() {
      clearInterval(timer);
    },
  };
}

/** What a new key is for. */
export interface NewKey {
  readonly name: string;
  /** @default null, every user */
  readonly user?: string | null;
  /** @default read, write and delete */
  readonly scopes?: readonly Scope[];
  /** An ISO 8601 date or time. @default never */
  readonly expires?: string;
}

/**
 * Makes a key, and the line that admits it.
 *
 * @throws {RangeError} when the name, a scope or the date is not one
 */
export function makeKey(
  { name, user = null, scopes = DEFAULT_SCOPES, expires }: NewKey,
): { readonly key: string; readonly line: string } {
  const key = `tp_${Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString("base64url")}`;
  const line = [
    `${name}:${hashOf(key)}`,
    `user=${user === null ? "*" : encodeURIComponent(user)}`,
    `scopes=${scopes.join(",")}`,
    ...(expires === undefined ? [] : [`expires=${expires}`]),
  ].join(" ");
  const { broken } = parse(line);
  if (broken.length > 0) throw new RangeError(`Cannot make this key: line ${broken[0]}`);
  return { key, line };
}

const MAKE_ONE = "Make one with: deno task key NAME";
/** Instead of the version of an existing file. */
const UNREADABLE = "unreadable";

interface File {
  readonly path: string;
  version: string;
  entries: readonly Entry[];
  /** Which lines are wrong, and why. */
  broken: readonly string[];
  /** Why it cannot be read. */
  unreadable?: string | undefined;
}

function openFile(path: string): File {
  const file = { path, version: versionOf(path), ...parse(Deno.readTextFileSync(path)) };
  if (file.broken.length > 0) throw new Error(`${path}:${file.broken.join(`; ${path}:`)}. ${MAKE_ONE}`);
  if (file.entries.length === 0) throw new Error(`${path} holds no key. ${MAKE_ONE}`);
  return file;
}

/** Reads a file that has changed. @returns whether it holds something else now */
function isChanged(file: File): boolean {
  try {
    const version = versionOf(file.path);
    if (version === file.version) return false;
    Object.assign(file, { ...parse(Deno.readTextFileSync(file.path)), version, unreadable: undefined });
    return true;
  } catch (error) {
    const wasReadable = file.unreadable === undefined;
    Object.assign(file, {
      version: UNREADABLE,
      entries: [],
      broken: ["cannot be read"],
      unreadable: reason(error),
    });
    return wasReadable;
  }
}

/** `second` names keys that an earlier file holds too. */
function unite(
  files: readonly File[],
): { readonly entries: readonly Entry[]; readonly second: readonly string[] } {
  const entries = new Map<string, Entry>();
  const second: string[] = [];
  for (const entry of files.flatMap(({ entries }) => entries)) {
    const first = entries.get(entry.hash);
    if (first === undefined) entries.set(entry.hash, entry);
    else second.push(first.name);
  }
  return { entries: [...entries.values()], second };
}

const secondName = (name: string) => `is a second name for the key "${name}"`;

interface Entry extends Omit<Grant, "revoked"> {
  /** SHA-256 of the key, in hex. */
  readonly hash: string;
  readonly line: string;
}

interface Held {
  readonly grant: Grant;
  readonly line: string;
  revoke(): void;
}

function hold({ hash: _hash, line, ...entry }: Entry): Held {
  const revoked = new AbortController();
  return { line, grant: { ...entry, revoked: revoked.signal }, revoke: () => revoked.abort() };
}

function hashOf(key: string): string {
  return createHash("sha256").update(key).digest("hex");
}

/** Changes with the file, whatever the clock did between two writes. */
function versionOf(path: string): string {
  const { mtime, size, ino } = Deno.statSync(path);
  return `${mtime?.getTime()} ${size} ${ino}`;
}

/** Parses each line independently. `broken` says which line is wrong and why, and quotes nothing of it. */
function parse(text: string): { readonly entries: readonly Entry[]; readonly broken: readonly string[] } {
  const entries = new Map<string, Entry>();
  const broken: string[] = [];
  for (const [at, whole] of text.split("\n").entries()) {
    const line = whole.replace(/(^|\s)#.*/, "").trim();
    if (line === "") continue;
    const entry = parseLine(line);
    if (typeof entry === "string") broken.push(`${at + 1} ${entry}`);
    else if (entries.has(entry.hash)) {
      broken.push(`${at + 1} ${secondName(entries.get(entry.hash)!.name)}`);
    } else entries.set(entry.hash, entry);
  }
  return { entries: [...entries.values()], broken };
}

/** @returns the entry, or what is wrong with the line */
function parseLine(line: string): Entry | string {
  const [identity = "", ...fields] = line.split(/\s+/);
  const [, name, hash] = /^([\w.-]{1,64}):([0-9a-f]{64})$/i.exec(identity) ?? [];
  if (name === undefined || hash === undefined) {
    return "is not a key: each line starts with name:sha256, the name of letters, digits, _ . - and at most 64";
  }
  const given = new Map(fields.map((field) => {
    const at = field.indexOf("=");
    return [field.slice(0, at), field.slice(at + 1)];
  }));
  const { user = "*", scopes = DEFAULT_SCOPES.join(","), expires, ...unknown } = Object.fromEntries(given);
  if (Object.keys(unknown).length > 0 || given.size < fields.length) {
    return "has a field other than user=, scopes= and expires=, or one of them twice";
  }
  const decoded = user === "*" ? null : decode(user);
  if (decoded === undefined || decoded === "") return "has a user that is not percent-encoded text";
  const list = scopes.split(",");
  if (!list.every((scope) => (SCOPES as readonly string[]).includes(scope))) {
    return `has an unknown scope: there are ${SCOPES.join(", ")}`;
  }
  const expiresAt = expires === undefined ? null : Date.parse(expires);
  if (Number.isNaN(expiresAt)) return "has an expiry that is not an ISO 8601 date";
  return {
    name,
    hash: hash.toLowerCase(),
    line,
    user: decoded,
    scopes: new Set(list as Scope[]),
    expiresAt,
  };
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
