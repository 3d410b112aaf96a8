import assert from "node:assert/strict";
import { createLogger } from "../core/telemetry/log.ts";
import { createKeyFile } from "../tests/support/key_file.ts";
import { waitFor } from "../tests/support/wait.ts";
import { takeWallClock } from "../tests/support/wall_clock.ts";
import { makeKey, openKeys } from "./keys.ts";

const EVERY_MS = 5;
const ada = makeKey({ name: "ada", user: "ada" });
const bob = makeKey({ name: "bob" });

/** Keys over a file, with what they logged. */
function open(path: string | readonly string[], now?: () => number) {
  const lines: string[] = [];
  const log = createLogger({ service: "test", write: (text) => lines.push(text) });
  const keys = openKeys({
    paths: [path].flat(),
    log,
    everyMs: EVERY_MS,
    ...(now === undefined ? {} : { now }),
  });
  return {
    keys,
    logged: () => (log.flush(), lines.join("")),
    [Symbol.dispose]: () => keys[Symbol.dispose](),
  };
}

const known = (what: string, condition: () => boolean) => waitFor(what, condition, { everyMs: EVERY_MS });

Deno.test("keys come and go with their file, without a restart", async () => {
  using file = createKeyFile(ada.line);
  using opened = open(file.path);
  const { keys } = opened;
  assert.equal(keys.find(ada.key)?.name, "ada");
  assert.equal(keys.find(bob.key), undefined);
  file.write(bob.line);
  await known("the new key", () => keys.find(bob.key)?.name === "bob");
  assert.equal(keys.find(ada.key), undefined);
});

Deno.test("a key file that is emptied, deleted or replaced by a folder admits nobody", async () => {
  for (
    const [what, change] of [
      ["emptied", (path: string) => Deno.writeTextFileSync(path, "# nobody\n")],
      ["deleted", (path: string) => Deno.removeSync(path)],
      ["made unreadable", (path: string) => (Deno.removeSync(path), Deno.mkdirSync(path))],
    ] as const
  ) {
    using file = createKeyFile(ada.line);
    using opened = open(file.path);
    change(file.path);
    await known(`nobody, the file was ${what}`, () => opened.keys.find(ada.key) === undefined);
    assert.match(opened.logged(), /"level":"ERROR".*nobody is admitted/);
    assert.equal(opened.logged().match(/nobody is admitted/g)!.length, 1, "said once");
  }
});

Deno.test("a deleted key file that comes back is read again", async () => {
  using file = createKeyFile(ada.line);
  using opened = open(file.path);
  Deno.removeSync(file.path);
  await known("nobody", () => opened.keys.find(ada.key) === undefined);
  assert.deepEqual(opened.keys.counts(), { valid: 0, expired: 0, broken: 1 });
  file.write(ada.line);
  await known("the key again", () => opened.keys.find(ada.key) !== undefined);
  assert.deepEqual(opened.keys.counts(), { valid: 1, expired: 0, broken: 0 });
});

Deno.test("a line that cannot be read admits nobody, and the others stay in force", async () => {
  using file = createKeyFile(ada.line, bob.line);
  using opened = open(file.path);
  file.write(ada.line.slice(0, 40), bob.line, "not a key");
  await known("ada to be refused", () => opened.keys.find(ada.key) === undefined);
  assert.equal(opened.keys.find(bob.key)?.name, "bob");
  assert.deepEqual(opened.keys.counts(), { valid: 1, expired: 0, broken: 2 });
  assert.match(opened.logged(), /line 1 is not a key/);
  assert.match(opened.logged(), /line 3 is not a key/);
  assert.doesNotMatch(opened.logged(), new RegExp(ada.line.slice(4, 40)), "nothing of the line is logged");
});

Deno.test("a key taken away is refused although the clock has gone back an hour", async () => {
  using file = createKeyFile(ada.line);
  using clock = takeWallClock();
  using opened = open(file.path);
  clock.aheadMs = -3_600_000;
  file.write(bob.line);
  await known("the key to be refused", () => opened.keys.find(ada.key) === undefined);
});

Deno.test("a key that is taken away, changed or expired revokes its grant; one that stays keeps it", async () => {
  const changed = makeKey({ name: "changed" });
  const short = makeKey({ name: "short", expires: "2030-01-01T00:00:00Z" });
  let now = Date.parse("2029-12-31");
  using file = createKeyFile(ada.line, bob.line, changed.line, short.line);
  using opened = open(file.path, () => now);
  const { keys } = opened;
  const grants = [ada, bob, changed, short].map(({ key }) => keys.find(key)!);
  now = Date.parse("2030-01-01");
  assert.equal(keys.find(short.key), undefined, "at once");
  file.write(bob.line, changed.line.replace("scopes=read,write,delete", "scopes=read"), short.line);
  await known("the grants to be revoked", () => grants.filter(({ revoked }) => revoked.aborted).length === 3);
  assert.ok(!grants[1]!.revoked.aborted);
  assert.equal(keys.find(bob.key), grants[1]);
  assert.deepEqual([...keys.find(changed.key)!.scopes], ["read"]);
  now = Date.parse("2029-12-31");
  assert.equal(keys.find(short.key), undefined, "although the clock went back");
});

Deno.test("keys come from several files, and one that breaks takes no other's keys away", async () => {
  using people = createKeyFile(ada.line);
  using own = createKeyFile(bob.line);
  using opened = open([people.path, own.path]);
  const { keys } = opened;
  const grant = keys.find(bob.key);
  Deno.removeSync(people.path);
  await known("ada to be refused", () => keys.find(ada.key) === undefined);
  assert.equal(keys.find(bob.key), grant);
  assert.deepEqual(keys.counts(), { valid: 1, expired: 0, broken: 1 });
  people.write(ada.line, bob.line.replace("bob:", "eve:"));
  await known("ada again", () => keys.find(ada.key) !== undefined);
  assert.equal(keys.find(bob.key)?.name, "eve", "the first file goes first");
  assert.deepEqual(keys.counts(), { valid: 2, expired: 0, broken: 1 });
  assert.match(opened.logged(), /is a second name for the key \\"eve\\"/);
});

Deno.test("a key carries its user, scopes and expiry", () => {
  const made = makeKey({
    name: "ops",
    user: "Zoë # 1",
    scopes: ["operate", "alerts"],
    expires: "2099-01-01",
  });
  using file = createKeyFile(`${made.line} # who this is`);
  using opened = open(file.path);
  const { revoked: _, scopes, ...grant } = opened.keys.find(made.key)!;
  assert.deepEqual(grant, { name: "ops", user: "Zoë # 1", expiresAt: Date.parse("2099-01-01") });
  assert.deepEqual([...scopes], ["operate", "alerts"]);
});

Deno.test("a line with only a name and a hash reads, posts and deletes for everybody, and no more", () => {
  using file = createKeyFile(bob.line.split(" ")[0]!);
  using opened = open(file.path);
  const { user, scopes, expiresAt } = opened.keys.find(bob.key)!;
  assert.equal(user, null);
  assert.deepEqual([...scopes], ["read", "write", "delete"]);
  assert.equal(expiresAt, null);
});

Deno.test("a key file that admits nobody, or holds a broken line, is refused at start", () => {
  const refused = (pattern: RegExp, ...lines: string[]) => {
    using file = createKeyFile(...lines);
    assert.throws(() => open(file.path), pattern);
  };
  refused(/holds no key.*deno task key/, "# nobody yet");
  refused(/:2 is not a key/, ada.line, "bob:abc");
  refused(/:2 is a second name for the key "ada"/, ada.line, ada.line.replace("ada:", "eve:"));
  refused(/:1 has an unknown scope/, `${ada.line},everything`.replace("user=ada ", ""));
  refused(/:1 has a field other/, `${ada.line} admin=true`);
  refused(/:1 has a field other/, `${ada.line} user=eve`);
  refused(/:1 has an expiry/, `${ada.line} expires=tomorrow`);
  refused(/:1 has a user/, ada.line.replace("user=ada", "user=%ff"));
  assert.throws(() => open("/nowhere"), Deno.errors.NotFound);
  assert.throws(() => makeKey({ name: "two words" }), RangeError);
});
