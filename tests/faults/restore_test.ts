/** A backup of the database, restored elsewhere, with an empty Kafka and an empty Redis. */
import assert from "node:assert/strict";
import { waitFor } from "../support/wait.ts";
import { startLoad } from "./load.ts";
import { report } from "./report.ts";
import { faultTest, service } from "./services.ts";
import { startSystem } from "./system.ts";

/** What pg_dump writes, pg_restore reads: no more of the services than the database's address is needed. */
async function run(program: "pg_dump" | "pg_restore", ...args: readonly string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(program, { args: [...args] }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
}

faultTest(
  "a backup restored elsewhere, with Kafka and Redis lost, completes every thought it holds, once",
  async (services) => {
    const file = await Deno.makeTempFile({ suffix: ".dump" });
    try {
      await using before = await startSystem(services);
      // Slower than they are posted: some wait in the outbox, some in Kafka, some are claimed, some are done.
      const load = startLoad({ api: () => before.api.url, thoughts: 300, perSecond: 200 });
      await waitFor("work has begun", async () => await before.audit.count("completed") > 20);
      await Promise.all(before.workers.map((worker) => worker.kill()));
      await load.done;
      await run("pg_dump", "--format=custom", `--file=${file}`, before.audit.url);
      const { completed } = await before.audit.verdict([]);
      assert.ok(completed < 300, "some were unfinished");

      await service("stop", "kafka");
      await service("wipe", "kafka");
      await service("start", "kafka");
      await service("stop", "redis");
      await service("start", "redis");

      const from = performance.now();
      await using after = await startSystem(services, {
        env: { REQUEUE_AFTER_MS: "5000" },
        prepare: ({ url }) => run("pg_restore", "--no-owner", `--dbname=${url}`, file),
      });
      await after.settled();
      // The count of results is part of the backup: one stored before it and again after it would be twice.
      const verdict = await after.audit.verdict(load.accepted);
      const all = load.accepted.length;
      assert.deepEqual(verdict, { stored: all, completed: all, failed: 0, lost: 0, twice: 0, mixedUp: 0 });
      report(
        "Restored from pg_dump, Kafka and Redis lost",
        load,
        verdict,
        (performance.now() - from) / 1_000,
      );
    } finally {
      await Deno.remove(file);
    }
  },
);
