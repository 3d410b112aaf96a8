/** programs.lock, which `deno task docs` writes: enough to start the programs, and nothing else. */
import assert from "node:assert/strict";
import { ROOT } from "../support/process.ts";

Deno.test("programs.lock is enough to start every program, and holds no package of tests and dashboards", async () => {
  for (
    const program of ["dev.ts", "api/migrate.ts", "worker/operate.ts", "webhooks/main.ts", "canary/main.ts"]
  ) {
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["cache", "--quiet", "--lock=programs.lock", "--frozen", program],
      cwd: ROOT,
    }).output();
    assert.ok(success, new TextDecoder().decode(stderr));
  }
  const { npm } = JSON.parse(await Deno.readTextFile(`${ROOT}programs.lock`));
  const names = Object.keys(npm);
  assert.ok(names.length > 20);
  assert.deepEqual(names.filter((name) => /playwright|axe-core|fast-check|grafana|listr2/.test(name)), []);
});
