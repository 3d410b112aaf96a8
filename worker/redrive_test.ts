import assert from "node:assert/strict";
import { createClaims } from "../core/store/claims.ts";
import { migrate } from "../core/store/database.ts";
import { createLogger } from "../core/telemetry/log.ts";
import { openPostgres } from "../core/store/postgres.ts";
import { createStore } from "../core/store/thoughts.ts";
import { ROOT } from "../tests/support/process.ts";
import { freshDatabase, testOnServices } from "../tests/support/services.ts";
import { aThought } from "../tests/support/thoughts.ts";

async function redrive(args: readonly string[], env: Record<string, string> = {}) {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "-P=worker", "worker/redrive.ts", ...args],
    cwd: ROOT,
    env,
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

for (
  const [args, what] of [
    [["--id", "nonsense"], /It must be a thought's id/],
    [["--limit", "0"], /whole number above 0/],
    [["--limit", "many"], /whole number above 0/],
    [["--all"], /unknown option '--all'/],
  ] as const
) {
  Deno.test(`redrive ${args.join(" ")} is refused in a line, without a stack`, async () => {
    const { code, stderr } = await redrive(args);
    assert.equal(code, 1);
    assert.match(stderr, what);
    assert.doesNotMatch(stderr, /^\s+at /m);
  });
}

testOnServices(
  "redrive puts failed thoughts back: one, then at most so many, and says how many",
  async (services) => {
    await using fresh = await freshDatabase(services.databaseUrl);
    await using database = openPostgres({ url: fresh.url });
    await migrate(database, createLogger({ service: "test", write: () => {} }));
    const thoughts = [aThought(), aThought(), aThought()];
    await createStore(database).insert(thoughts);
    const claims = createClaims(database, { leaseMs: 1_000, maxAttempts: 1 });
    const failures = (await claims.claim(thoughts.map(({ id }) => id))).map((claim) => ({
      ...claim,
      error: "x",
      kind: "charged" as const,
      delayMs: 0,
    }));
    await claims.fail(failures);

    const env = { DATABASE_URL: fresh.url };
    const one = await redrive(["--id", thoughts[1]!.id], env);
    assert.deepEqual([one.code, one.stdout], [0, "1 thought queued again\n"], one.stderr);
    assert.equal((await redrive(["--limit", "1"], env)).stdout, "1 thought queued again\n");
    assert.equal((await redrive([], env)).stdout, "1 thought queued again\n");
    assert.equal((await redrive([], env)).stdout, "0 thoughts queued again\n");
  },
);
