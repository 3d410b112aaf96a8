/** PostgreSQL on a disk that fills up. */
import assert from "node:assert/strict";
import { lastFor } from "./duration.ts";
import { startLoad } from "./load.ts";
import { startOwnPostgres } from "./own_postgres.ts";
import { report } from "./report.ts";
import { faultTest } from "./services.ts";
import { CAN_MOUNT, mountSmallDisk } from "./small_disk.ts";
import { breakSource } from "./source.ts";
import { assertNoneEnded, assertNothingLostOrTwice, startSystem, type System } from "./system.ts";
import { waitFor } from "../support/wait.ts";

const DISK_MB = 100;
/** How long PostgreSQL can't add to its tables, and then can't even write its log, and does not run. */
const FULL_S = { tables: 4, log: 4 };
const NEEDS_ROOT = CAN_MOUNT ? {} : { skipped: "only root may mount a disk to fill" };

const statusOf = async (system: System, path: string) => {
  const response = await fetch(`${system.api.url}${path}`);
  await response.body?.cancel();
  return response.status;
};

/** What the API's health says of the database. */
async function databaseOf(system: System): Promise<string> {
  const { dependencies } = await (await fetch(`${system.api.url}/health/ready`)).json();
  return dependencies.database.reason ?? dependencies.database.status;
}

faultTest("a full disk under PostgreSQL refuses thoughts, says why, and loses none", async (services) => {
  await using disk = await mountSmallDisk(DISK_MB);
  await using postgres = await startOwnPostgres({ folder: disk.folder });
  await using system = await startSystem({ ...services, databaseUrl: postgres.url }, {
    env: { REQUEUE_AFTER_MS: "86400000" },
  });
  const load = startLoad({ api: () => system.api.url, thoughts: 1_500, perSecond: 80 });
  await waitFor("work has begun", async () => await system.audit.count("completed") > 50);
  const stored = `/thoughts/${load.accepted[0]}`;

  {
    using _full = disk.fill();
    await waitFor("PostgreSQL can't extend a table", () => /ERROR: .*No space left/.test(postgres.log()));
    await waitFor("a request was refused", () => load.refused > 0);
    await waitFor("the cause", async () => await databaseOf(system) === "its disk is full");
    await lastFor(FULL_S.tables);
    assert.equal(await databaseOf(system), "its disk is full");
    assert.equal(await statusOf(system, stored), 200, "what is stored can be read");

    await waitFor("PostgreSQL can't write its log", async () => {
      // As after any megabyte written, or on an archive's time-out: the next segment needs room that is not
      // there.
      await system.audit.query("select pg_switch_wal()").catch(() => {});
      return /PANIC: .*No space left/.test(postgres.log());
    });
    await waitFor("it ends, and can't start either", () => postgres.restarts > 1);
    await lastFor(FULL_S.log);
    assert.equal(await statusOf(system, stored), 503);
    assert.equal(await statusOf(system, "/health/ready"), 503);
  }
  const mendedAt = performance.now();
  await waitFor("ready again", async () => await statusOf(system, "/health/ready") === 200);
  await load.done;
  await system.settled();

  assert.equal(load.unanswered, 0, "each request was answered, with 201 or 503");
  assertNoneEnded(system);
  const verdict = await assertNothingLostOrTwice(system, load);
  report("PostgreSQL's disk full", load, verdict, (performance.now() - mendedAt) / 1_000);
}, NEEDS_ROOT);

faultTest(
  "where a full disk counts as a bug the suite sees requests answered 500",
  async (services) => {
    await using broken = await breakSource({
      file: "core/store/sqlstate.ts",
      from: '  [/^53100$/, "its disk is full"],\n  [/^53...$/, "out of connections or memory"],\n',
      to: "",
    });
    await using disk = await mountSmallDisk(DISK_MB);
    await using postgres = await startOwnPostgres({ folder: disk.folder });
    const onDisk = { ...services, databaseUrl: postgres.url };
    await using system = await startSystem(onDisk, { root: broken.root, workers: 0 });
    using _full = disk.fill();
    const load = startLoad({ api: () => system.api.url, thoughts: 500 });
    await assert.rejects(load.done, /answered 500/);
  },
  NEEDS_ROOT,
);
