/** Each process gets what it needs and no more; the sets in deno.json are what tasks, Docker and tests use. */
import assert from "node:assert/strict";
import { SETTINGS } from "../core/config.ts";
import manifest from "../deno.json" with { type: "json" };
import { start } from "./support/process.ts";

const { api, worker } = manifest.permissions;

Deno.test("API and worker may neither run programs, load libraries nor write files", () => {
  for (const set of [api, worker]) assert.deepEqual(Object.keys(set).sort(), ["env", "net", "read"]);
});

Deno.test("API and worker may read the settings by name, and no other variable", () => {
  const settings = Object.values(SETTINGS).flatMap((setting) =>
    "secret" in setting ? [setting.env, `${setting.env}_FILE`] : [setting.env]
  );
  for (const set of [api, worker]) assert.deepEqual(set.env.toSorted(), settings.toSorted());
});

Deno.test("the network is limited to this machine, the stack's services and the default model provider", () => {
  assert.deepEqual(api.net, ["localhost", "127.0.0.1", "0.0.0.0", "db", "redis"]);
  assert.deepEqual(worker.net, [
    "localhost",
    "127.0.0.1",
    "0.0.0.0",
    "db",
    "redis",
    "kafka",
    "api.openai.com",
  ]);
});

Deno.test("tasks and the container image start API and worker with their permission set", async () => {
  for (
    const [name, set] of [["api", "api"], ["worker", "worker"], ["redrive", "worker"], [
      "dev",
      "dev",
    ]] as const
  ) {
    assert.match(manifest.tasks[name].command, new RegExp(`^deno run -P=${set} `), name);
  }
  const deployed = await Deno.readTextFile("Dockerfile") + await Deno.readTextFile("docker-compose.yml");
  assert.match(deployed, /-P=api/);
  assert.match(deployed, /-P=worker/);
  assert.doesNotMatch(deployed, /--allow-all|"-A"/);
});

for (const program of ["api/main.ts", "worker/main.ts"]) {
  Deno.test(`${program} on its own says that it needs DATABASE_URL, and ends with code 2`, async () => {
    await using process = start(program.split("/")[0]!, program, { API_PORT: "0", WORKER_PORT: "0" });
    assert.equal((await process.status).code, 2);
    assert.match(process.stderr(), /needs DATABASE_URL.*deno task dev/s);
  });
}
