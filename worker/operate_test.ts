import assert from "node:assert/strict";
import { startApi } from "../api/serve.ts";
import { createClaims } from "../core/store/claims.ts";
import { type Database, migrate } from "../core/store/database.ts";
import { openPglite } from "../core/store/pglite.ts";
import { openPostgres } from "../core/store/postgres.ts";
import { createStore } from "../core/store/thoughts.ts";
import { createLogger } from "../core/telemetry/log.ts";
import { openTestDatabase } from "../tests/support/databases.ts";
import { ROOT } from "../tests/support/process.ts";
import { freshDatabase, testOnServices } from "../tests/support/services.ts";
import { aThought } from "../tests/support/thoughts.ts";

const log = createLogger({ service: "test", write: () => {} });

/** Runs `deno task operate` with its task's permissions. */
async function operate(args: readonly string[], env: Record<string, string> = {}) {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-prompt", "-P=dev", "worker/operate.ts", ...args],
    cwd: ROOT,
    env: { DATABASE_URL: "", ...env },
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

/** Stores thoughts that have failed, and returns their ids. */
async function failedThoughts(database: Database, count: number): Promise<string[]> {
  const thoughts = Array.from({ length: count }, () => aThought());
  await createStore(database).insert(thoughts);
  const claims = createClaims(database, { leaseMs: 60_000, maxAttempts: 1 });
  const held = await claims.claim(thoughts.map(({ id }) => id));
  await claims.fail(
    held.map((claim) => ({ ...claim, kind: "refused", reason: "refused", error: "no", delayMs: 0 })),
  );
  return thoughts.map(({ id }) => id);
}

for (
  const [args, what] of [
    [["redrive", "--id", "nonsense"], /It must be a thought's id/],
    [["redrive", "--limit", "0"], /whole number above 0/],
    [["redrive", "--limit", "many"], /whole number above 0/],
    [["redrive", "--all"], /unknown option '--all'/],
    [["cancel"], /missing required argument 'id'/],
    [["pause"], /missing required argument 'reason'/],
    [["resmue"], /Did you mean resume/],
  ] as const
) {
  Deno.test(`operate ${args.join(" ")} is refused in a line, without a stack`, async () => {
    const { code, stderr } = await operate(args);
    assert.equal(code, 1);
    assert.match(stderr, what);
    assert.doesNotMatch(stderr, /^\s+at /m);
  });
}

testOnServices(
  "failed thoughts are redriven: one, then at most a number, which is printed",
  async (services) => {
    await using fresh = await freshDatabase(services.databaseUrl);
    await using database = openPostgres({ url: fresh.url });
    await migrate(database, log);
    const ids = await failedThoughts(database, 4);

    const env = { DATABASE_URL: fresh.url };
    assert.match((await operate(["failures"], env)).stdout, /^4 {2}refused {2}no$/m);
    const one = await operate(["redrive", "--id", ids[1]!], env);
    assert.deepEqual([one.code, one.stdout], [0, `Thought ${ids[1]} is pending now\n`], one.stderr);
    assert.equal(
      (await operate(["redrive", "--reason", "timeout"], env)).stdout,
      "0 thoughts queued again\n",
    );
    assert.equal(
      (await operate(["redrive", "--reason", "refused", "--limit", "1"], env)).stdout,
      "1 thought queued again\n",
    );
    assert.equal((await operate(["--json", "redrive"], env)).stdout, '{"thoughts":2}\n');
    assert.equal((await operate(["redrive"], env)).stdout, "0 thoughts queued again\n");
    assert.equal((await operate(["cancel", ids[0]!], env)).stdout, `Thought ${ids[0]} is failed now\n`);
    assert.equal((await operate(["cancel", crypto.randomUUID()], env)).code, 4);
  },
);

Deno.test("without DATABASE_URL it works on the API that runs, which keeps its database to itself", async () => {
  await using database = await openTestDatabase("pglite");
  await using api = startApi({ database, log, host: "127.0.0.1", port: 0 });
  const [id] = await failedThoughts(database, 1);
  const at = ["--url", api.url];
  assert.match((await operate([...at, "failures"])).stdout, /^1 {2}refused/);
  assert.equal((await operate([...at, "redrive"])).stdout, "1 thought queued again\n");
  assert.equal((await operate([...at, "cancel", id!])).stdout, `Thought ${id} is failed now\n`);
  const exported = (await operate([...at, "export", "ada"])).stdout.trim().split("\n").map((line) =>
    JSON.parse(line)
  );
  assert.deepEqual(exported.map((thought) => [thought.id, thought.user_id]), [[id, "ada"]]);
  assert.equal((await operate([...at, "forget", "ada"])).stdout, "1 thought deleted\n");
  assert.equal((await operate([...at, "export", "ada"])).stdout, "");
  assert.match(
    (await operate([...at, "pause", "a new model"])).stdout,
    /^Paused by anonymous since .*: a new model\n$/,
  );
  assert.match((await operate([...at, "resume"])).stdout, /^Resumed; anonymous had paused since/);
  assert.equal((await operate([...at, "resume"])).stdout, "The workers were not paused\n");
  assert.equal((await operate([...at, "cancel", crypto.randomUUID()])).code, 4);
  const gone = await operate(["--json", "--url", "http://127.0.0.1:9", "failures"]);
  assert.equal(gone.code, 1);
  assert.ok(JSON.parse(gone.stdout).error);
});

Deno.test("where no API runs it opens the folder of the embedded database", async () => {
  const dataDir = `.data/test-${crypto.randomUUID()}`;
  try {
    {
      await Deno.mkdir(dataDir, { recursive: true });
      await using database = await openPglite({ folder: `${dataDir}/database` });
      await migrate(database, log);
      await failedThoughts(database, 2);
    }
    // No program listens on port 9; on the default one a developer's own may.
    const { stdout, stderr } = await operate(["redrive"], { DATA_DIR: dataDir, API_PORT: "9" });
    assert.equal(stdout, "2 thoughts queued again\n", stderr);
    const folder = { DATA_DIR: dataDir, API_PORT: "9" };
    assert.equal((await operate(["export", "ada"], folder)).stdout.trim().split("\n").length, 2);
    assert.equal((await operate(["forget", "ada"], folder)).stdout, "2 thoughts deleted\n");
  } finally {
    await Deno.remove(dataDir, { recursive: true });
  }
});
