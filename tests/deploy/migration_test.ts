/** The program that only migrates, as the chart's Job runs it. */
import assert from "node:assert/strict";
import { openPostgres } from "../../core/store/postgres.ts";
import { NEWEST_MIGRATION } from "../../core/store/database.ts";
import { startProcess } from "../support/process.ts";
import { freshDatabase, testOnServices } from "../support/services.ts";
import { waitFor } from "../support/wait.ts";
import { freePort } from "../support/free_port.ts";

const migrate = (databaseUrl: string) =>
  startProcess({ args: ["--no-prompt", "-P=api", "api/migrate.ts"], env: { DATABASE_URL: databaseUrl } });

testOnServices(
  "the migration brings the schema up to date and ends, and so it does again",
  async (services) => {
    await using fresh = await freshDatabase(services.databaseUrl);
    for (let round = 0; round < 2; round++) {
      await using program = migrate(fresh.url);
      assert.equal((await program.status).code, 0, program.stdout() + program.stderr());
    }
    await using database = openPostgres({ url: fresh.url, poolSize: 1 });
    const [row] = await database.query("select max(version) as version from schema_migrations");
    assert.deepEqual(row, { version: NEWEST_MIGRATION });
  },
);

Deno.test("a migration that does not reach the database says so and fails, for the Job to try again", async () => {
  await using program = migrate(`postgres://nobody@127.0.0.1:${freePort()}/none`);
  assert.equal((await program.status).code, 1);
  // The last line may come after the exit code.
  await waitFor("the reason", () => /"msg":"failed".*ECONNREFUSED/.test(program.stdout()), {
    describe: () => program.stdout() + program.stderr(),
  });
});
