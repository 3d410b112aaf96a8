import assert from "node:assert/strict";
import { CAN_MOUNT, mountSmallDisk } from "../../tests/faults/small_disk.ts";
import { freePort } from "../../tests/support/free_port.ts";
import { ROOT } from "../../tests/support/process.ts";
import { waitFor } from "../../tests/support/wait.ts";
import { createLogger } from "../telemetry/log.ts";
import { DatabaseUnavailableError, migrate } from "./database.ts";
import { MAJOR_VERSION, openPglite } from "./pglite.ts";

const log = createLogger({ service: "test", write: () => {} });

Deno.test({
  name: "a full disk is an outage by name, what is stored can be read, and work goes on once there is room",
  ignore: !CAN_MOUNT,
  async fn() {
    await using disk = await mountSmallDisk(90);
    await using database = await openPglite({ folder: `${disk.folder}/database` });
    await migrate(database, log);
    const put = () =>
      database.query(
        "insert into thoughts (id, user_id, text) select gen_random_uuid(), 'ada', repeat('x', 1000) from generate_series(1, 500)",
      );
    await put();
    {
      using _full = disk.fill();
      await assert.rejects(
        put(),
        (error) => error instanceof DatabaseUnavailableError && error.why === "its disk is full",
      );
      assert.equal((await database.query("select from thoughts")).length, 500);
    }
    await put();
    assert.equal((await database.query("select from thoughts")).length, 1_000);
  },
});

Deno.test("a folder of another version, a damaged one and one in use are named, with what to do", async () => {
  const folder = await Deno.makeTempDir();
  try {
    {
      await using _database = await openPglite({ folder: `${folder}/one` });
      assert.equal((await Deno.readTextFile(`${folder}/one/PG_VERSION`)).trim(), MAJOR_VERSION);
      await assert.rejects(
        openPglite({ folder: `${folder}/one` }),
        /another process uses it. Stop that one, or set DATA_DIR/,
      );
    }
    await Deno.writeTextFile(`${folder}/one/PG_VERSION`, "17\n");
    await assert.rejects(
      openPglite({ folder: `${folder}/one` }),
      /PostgreSQL 17 made it, and this program has 18. Set DATA_DIR/,
    );
    await Deno.writeTextFile(`${folder}/one/PG_VERSION`, `${MAJOR_VERSION}\n`);
    await Deno.remove(`${folder}/one/global`, { recursive: true });
    await assert.rejects(openPglite({ folder: `${folder}/one` }), /Cannot open .*\/one \(.*it is damaged/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("rows that are dead are vacuumed by themselves", async () => {
  await using database = await openPglite({ vacuumEveryMs: 50 });
  await database.query("create table messages as select n from generate_series(1, 5000) n");
  await database.query("delete from messages");
  const [empty] = await waitFor("the vacuum", async () => {
    const rows = await database.query<{ n: number; vacuumed: boolean }>(
      "select n_dead_tup::int as n, last_vacuum is not null as vacuumed from pg_stat_user_tables where relname = 'messages'",
    );
    return rows[0]!.vacuumed ? rows : undefined;
  });
  assert.equal(empty!.n, 0);
});

Deno.test("deno task dev keeps its data where DATA_DIR says, also outside of the project", async () => {
  const folder = await Deno.makeTempDir();
  const [api, worker] = [freePort(), freePort()];
  const child = new Deno.Command(Deno.execPath(), {
    args: ["task", "dev"],
    cwd: ROOT,
    clearEnv: true,
    env: {
      PATH: Deno.env.get("PATH")!,
      HOME: Deno.env.get("HOME")!,
      DATA_DIR: `${folder}/x`,
      API_PORT: String(api),
      WORKER_PORT: String(worker),
    },
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  try {
    await waitFor("the API", async () => (await fetch(`http://127.0.0.1:${api}/health/ready`)).ok, {
      timeoutMs: 60_000,
    });
    assert.ok((await Deno.stat(`${folder}/x/database/PG_VERSION`)).isFile);
  } finally {
    child.kill("SIGTERM");
    await child.status;
    await Deno.remove(folder, { recursive: true });
  }
});
