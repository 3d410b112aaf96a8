/** The recipes for newcomers, followed to the letter: nothing else is needed. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { isInstalled } from "../support/program.ts";
import { loggedUrl, startProcess } from "../support/process.ts";
import { waitFor } from "../support/wait.ts";
import { copyCheckout, follow, readRecipe } from "./recipe.ts";

/** What `deno task ok` runs that a new metric could offend; the whole gate would run this test again. */
const CONTRACTS = ["alerts", "architecture", "dashboards", "house", "links", "metrics"]
  .map((name) => `tests/contracts/${name}_test.ts`);
const PROMTOOL = Deno.env.get("PROMTOOL") ?? "promtool";

Deno.test("CONTRIBUTING: a metric with its panel and alert takes these steps and no other", async () => {
  await using checkout = await copyCheckout();
  await follow(await readRecipe("CONTRIBUTING.md", "Your own metric"), checkout.root);
  await checkout.deno("fmt");
  await checkout.deno("task", "dashboards");
  await checkout.deno("task", "docs");

  await checkout.deno("fmt", "--check");
  await checkout.deno("check", "api", "stack/dashboards", "tools");
  await checkout.deno("test", "-A", "--no-check", ...CONTRACTS);
  const read = (path: string) => Deno.readTextFile(join(checkout.root, path));
  assert.match(await read("MONITORING.md"), /\| `thoughts_deleted_total` .*counter/);
  assert.match(await read("MONITORING.md"), /\| Thoughts deleted in an hour .*above 1000/);
  assert.match(await read("docs/panels.md"), /\| Deleted +\| Thoughts deleted per second/);
  assert.match(await read("config/grafana/dashboards/api-dashboard.json"), /thoughts_deleted_total/);
  if (await isInstalled(PROMTOOL)) {
    const test = ["test", "rules", join(checkout.root, "config/prometheus/tests/api.yml")];
    const { success, stderr } = await new Deno.Command(PROMTOOL, { args: test }).output();
    assert.ok(success, new TextDecoder().decode(stderr));
  }
});

Deno.test("README: an analyser takes one file and two lines, its secret one entry, and a thought then has its result", async () => {
  await using checkout = await copyCheckout();
  await follow(await readRecipe("README.md", "Your own analyser"), checkout.root);
  await checkout.deno("fmt", "--check", "worker", "core");
  await checkout.deno("check", "worker");
  await checkout.deno("task", "docs");
  const { permissions } = JSON.parse(await Deno.readTextFile(join(checkout.root, "deno.json")));
  for (const variable of ["SHOUTING_KEY", "SHOUTING_KEY_FILE"]) {
    assert.ok(permissions.worker.env.includes(variable), `the worker may read ${variable}`);
    assert.ok(!permissions.api.env.includes(variable), `the API may not read ${variable}`);
  }

  await using dev = startProcess({
    args: ["-P=dev", "dev.ts"],
    env: { ANALYSER: "shouting", API_PORT: "0", WORKER_PORT: "0" },
    root: checkout.root,
  });
  const api = await loggedUrl(dev, "url");
  const response = await fetch(`${api}/thoughts`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ user_id: "me", text: "listen to the rain" }),
  });
  assert.equal(response.status, 201);
  const { id } = await response.json();
  const { result } = await waitFor("the result", async () => {
    const thought = await (await fetch(`${api}/thoughts/${id}`)).json();
    return thought.status === "completed" && thought;
  }, { timeoutMs: 60_000 });
  assert.equal(result.analysis.summary, "LISTEN TO THE RAIN");
});
