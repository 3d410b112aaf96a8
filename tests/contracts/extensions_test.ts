/**
 * Files in config/extensions are a person's own: they fail none of these tests, unless they would break the
 * stack. What they break is named.
 */
import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { readExtensions } from "../../stack/extensions/folder.ts";
import { type Service, serviceFiles } from "../../stack/extensions/service_files.ts";
import { checkoutPaths, type Paths } from "../../stack/paths.ts";
import { ROOT } from "./modules.ts";

const FOLDER = "config/extensions";

/** The project with extensions of a test's own. @param files text by path below the folder */
async function withExtensions(
  files: Readonly<Record<string, string>>,
  test: (paths: Paths) => Promise<void>,
): Promise<void> {
  const extensionsDir = await Deno.makeTempDir();
  try {
    for (const [path, text] of Object.entries(files)) {
      await Deno.mkdir(join(extensionsDir, dirname(path)), { recursive: true });
      await Deno.writeTextFile(join(extensionsDir, path), text);
    }
    await test({ ...checkoutPaths(ROOT), extensionsDir });
  } finally {
    await Deno.remove(extensionsDir, { recursive: true });
  }
}

async function examples(): Promise<Record<string, string>> {
  const files: Record<string, string> = {};
  for (const folder of ["scrape", "rules", "dashboards", "compose"]) {
    for await (const { name } of Deno.readDir(`${FOLDER}/${folder}`)) {
      if (!name.endsWith(".example")) continue;
      files[`${folder}/${name.replace(/\.example$/, "")}`] = await Deno.readTextFile(
        `${FOLDER}/${folder}/${name}`,
      );
    }
  }
  return files;
}

const shop: Service = {
  name: "shop",
  url: new URL("http://localhost:3000/metrics?a=1"),
  target: "host.docker.internal:3000",
  requests: { counter: "http_requests_total", status: "code" },
  process: [],
  typed: true,
};

Deno.test("the extensions of this checkout, if there are any, break nothing", async () => {
  assert.deepEqual((await readExtensions(checkoutPaths(ROOT))).problems, []);
});

Deno.test("the examples and the files of a service that was adopted stand beside ours, and beside each other", async () => {
  const files = { ...await examples(), ...Object.fromEntries(serviceFiles(shop)) };
  const other = Object.fromEntries(serviceFiles({ ...shop, name: "till" }));
  await withExtensions({ ...files, ...other }, async (paths) => {
    const { problems, jobs, rules, dashboards, overrides, adopted } = await readExtensions(paths);
    assert.deepEqual(problems, []);
    assert.deepEqual(jobs.toSorted(), ["blackbox", "protected", "shop", "till"]);
    assert.deepEqual([rules, dashboards, overrides], [5, 3, 1]);
    assert.deepEqual(adopted.map(({ name, url }) => `${name} ${url}`).sort(), [
      "shop http://localhost:3000/metrics?a=1",
      "till http://localhost:3000/metrics?a=1",
    ]);
  });
});

Deno.test("what an extension would break is named, file by file, and one that is wrong hides no other", async () => {
  const alert = (name: string, expr: string) =>
    `groups: [{ name: g, rules: [{ alert: ${name}, expr: '${expr}' }] }]`;
  await withExtensions({
    "scrape/a.yml": "scrape_configs: [{ job_name: kafka-worker }]",
    "scrape/b.yml": "scrape_configs: [{ job_name: mine }, { job_name: mine }]",
    "scrape/c.yml": "scrape_configs: [",
    "scrape/d.yml": "jobs: []",
    "rules/e.yml": alert("TargetDown", "up == 0"),
    "rules/f.yml": alert("Mine", "sum(("),
    "rules/g.yml": "groups: [{ name: g, rules: [{ record: slo:objective, expr: '1' }] }]",
    "dashboards/h.json": '{"uid": "tp-api", "title": "Mine"}',
    "dashboards/i.json": "{",
    "compose/j.yml": "services: {",
    "rules/k.yml": "groups: [{ name: g, rules: [{ alert: Mine, expr: up == 0, annotation: {} }] }]",
    "rules/l.yml": "groups: [{ name: g, rules: [{ alert: Mine, expr: up == 0, for: 5 minutes }] }]",
    "rules/m.yml": "groups: [{ name: g, rules: [] }, { name: g, rules: [] }]",
    "rules/n.yml": "groups: [{ name: g, rules: [{ record: a:b, alert: Mine, expr: up }] }]",
    "rules/o.yml": "groups: [{ name: g, rules: [{ record: a:b, expr: up, for: 1m }] }]",
    "dashboards/q.json": '{"uid": "q", "title": "Mine", "__inputs": [{"name": "DS_PROMETHEUS"}]}',
    "dashboards/r.json": '{"apiVersion": "dashboard.grafana.app/v2", "kind": "Dashboard", "spec": {}}',
    "scrape/e.yml":
      "scrape_configs: [{ job_name: other, static_config: [], aws_sd_configs: [], a_field_of_the_next_version: 1 }]",
    "scrape/p.yaml": "scrape_configs: [{ job_name: mine }]",
  }, async (paths) => {
    const { problems } = await readExtensions(paths);
    const said = problems.map((problem) => problem.replace(/^(\w+\/\w\.\w+: [^:(]*).*$/s, "$1").trim());
    assert.deepEqual(said.map((problem) => problem.split(":")[0]), [
      "scrape/a.yml",
      "scrape/b.yml",
      "scrape/c.yml",
      "scrape/d.yml",
      "scrape/e.yml",
      "rules/e.yml",
      "rules/f.yml",
      "rules/g.yml",
      ...["k", "l", "m", "n", "o"].map((name) => `rules/${name}.yml`),
      "dashboards/h.json",
      "dashboards/i.json",
      "dashboards/q.json",
      "dashboards/r.json",
      "compose/j.yml",
      "scrape/p.yaml",
    ]);
    assert.match(problems[0]!, /the job kafka-worker is there already \(config\/prometheus\.yml\)/);
    assert.match(problems[4]!, /static_config: did you mean static_configs\?$/);
    assert.match(problems[5]!, /the alert TargetDown is there already \(config\/prometheus\/alerts\.yml\)/);
    assert.match(problems[6]!, /Mine: not PromQL/);
    assert.match(problems[8]!, /k\.yml: Unrecognized key: "annotation" at groups\[0\]\.rules\[0\]$/);
    assert.match(problems[9]!, /l\.yml: Not a duration such as 5m at groups\[0\]\.rules\[0\]\.for/);
    assert.match(problems[10]!, /Two groups have the same name/);
    assert.match(problems[11]!, /Needs alert or record, not both/);
    assert.match(problems[12]!, /A recorded series has no for/);
    assert.match(problems[13]!, /the dashboard uid tp-api is there already/);
    assert.match(problems[15]!, /export it again, without sharing it externally/);
    assert.match(problems[16]!, /r\.json: Needs a uid, as Grafana's classic model has one/);
    assert.match(problems.at(-1)!, /is not read: name it p\.yml/);
  });
});

Deno.test("Git and the packed launcher leave own files where they are", async () => {
  const { collectPayload } = await import("../../stack/packaging/payload.ts");
  const own = `${FOLDER}/scrape/contract-test.yml`;
  await Deno.writeTextFile(own, "scrape_configs: [{ job_name: contract-test }]\n");
  try {
    const { files } = await collectPayload(ROOT, "0");
    const carried = Object.keys(files).filter((path) => path.startsWith(`${FOLDER}/`));
    assert.ok(carried.includes(`${FOLDER}/README.md`));
    assert.deepEqual(carried.filter((path) => !/README\.md$|\.example$/.test(path)), []);
    const git = await new Deno.Command("git", { args: ["check-ignore", own] }).output();
    assert.equal(git.code, 0, "Git does not ignore it");
  } finally {
    await Deno.remove(own);
  }
});
