/**
 * Every drill is about a rule that there is, and a fast one's configuration is one that the programs take.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { parse } from "yaml";
import { THRESHOLDS } from "../../core/telemetry/thresholds.ts";
import { DRILLS } from "../../stack/drill/drills.ts";
import { JOBS, writeFastConfig } from "../../stack/drill/fast_config.ts";
import { firesAfter } from "../../stack/drill/rules.ts";
import { SERVICES } from "../../stack/services.ts";
import { createSlowAnalyser } from "../../worker/analysers/slow.ts";
import { parsePromQL, windowSeconds } from "../../stack/dashboards/promql.ts";
import { readRules } from "./rules.ts";

/** As docker-compose.yml starts. */
const WORKERS = 3;
/** What the slow analyser takes for a thought. */
const SLOW_S = THRESHOLDS.processingP95.warn + 1;
const ROOT = new URL("../../", import.meta.url).pathname;
const PROGRAMS = {
  promtool: Deno.env.get("PROMTOOL") ?? "promtool",
  amtool: Deno.env.get("AMTOOL") ?? "amtool",
};
const required = Deno.env.get("REQUIRE_SERVICES") === "1";
const found = await Promise.all(Object.values(PROGRAMS).map((program) => run(program, "--version")))
  .then(() => true, () => false);
if (!found && !required) {
  // deno-lint-ignore no-console -- a skipped test must not look like a passed one
  console.warn(
    "SKIPPED: the fast drills' configuration. Put promtool and amtool on PATH or into PROMTOOL, AMTOOL.",
  );
}

Deno.test("every drill's alert is a rule, and the list says how long it takes to fire", async () => {
  const rules = await readRules();
  const after = await firesAfter(ROOT, DRILLS);
  for (const { name, alert, severity } of DRILLS) {
    const rule = rules.find((r) => r.alert === alert && r.labels?.severity === severity);
    assert.ok(rule, `${name}: ${alert} (${severity})`);
    assert.equal(after.get(name), rule.for ?? "0s", name);
  }
});

Deno.test("drills have names of their own, and a row each in docs/drills.md", async () => {
  const page = await Deno.readTextFile("docs/drills.md");
  const names = DRILLS.map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
  for (const { name, alert } of DRILLS) assert.match(page, new RegExp(`\\| ${name} .*${alert}`), name);
});

Deno.test("model-slow keeps every lane busy until its alert fires, and no thought waits so long that another takes its place", async () => {
  const { load } = DRILLS.find(({ name }) => name === "model-slow")!;
  const lanes = WORKERS * createSlowAnalyser().concurrency;
  const perSecond = lanes / SLOW_S;
  const rules = await readRules();
  const rule = rules.find(({ alert }) => alert === "LanesFull")!;
  const firesAfterS = [rule.for!, ...parsePromQL(rule.expr).windows].map(windowSeconds)
    .reduce((sum, seconds) => sum + seconds);
  const critical = rules.find(({ alert, labels }) =>
    alert === "OldestThoughtWaiting" && labels?.severity === "critical"
  )!;
  const mostS = Number(/> (\d+)$/.exec(critical.expr)![1]);
  for (const elapsedS of [lanes / load.burst, firesAfterS + 2 * 60]) {
    const waiting = load.burst + (load.perSecond - perSecond) * elapsedS - lanes;
    assert.ok(waiting > lanes, `${waiting} wait after ${elapsedS} s, for ${lanes} lanes`);
    assert.ok(waiting / perSecond + SLOW_S < mostS, `the last waits ${waiting / perSecond + SLOW_S} s`);
  }
});

for (const drill of DRILLS) {
  Deno.test({
    name: `${drill.name} --fast: Prometheus and Alertmanager take its configuration`,
    ignore: !found && !required,
    async fn() {
      const dir = await Deno.makeTempDir();
      try {
        await writeFastConfig(ROOT, dir, drill, "drill-alertmanager");
        await run(PROGRAMS.promtool, "check", "rules", join(dir, "recording.yml"), join(dir, "alerts.yml"));
        await run(PROGRAMS.amtool, "check-config", join(dir, "alertmanager.yml"));
        const read = async (name: string) => parse(await Deno.readTextFile(join(dir, name)));

        const { groups } = await read("alerts.yml") as { groups: { rules: { alert: string }[] }[] };
        const alerts = groups.flatMap(({ rules }) => rules.map(({ alert }) => alert));
        assert.deepEqual([...new Set(alerts)], [drill.alert], "its own alert and no other");

        const prometheus = await read("prometheus.yml");
        assert.deepEqual(prometheus.global.external_labels, { drill: drill.name });
        assert.deepEqual(prometheus.alerting.alertmanagers[0].static_configs[0].targets, [
          "drill-alertmanager:9093",
        ]);
        const jobs = prometheus.scrape_configs.map(({ job_name }: { job_name: string }) => job_name);
        assert.deepEqual(jobs.toSorted(), JOBS.toSorted());
        if (drill.needs) {
          const needed = SERVICES.find(({ name }) => name === drill.needs)!;
          assert.ok(needed.jobs.every((job) => jobs.includes(job)), `${drill.needs} is scraped`);
        }
      } finally {
        await Deno.remove(dir, { recursive: true });
      }
    },
  });
}

Deno.test("a fast drill notifies only the API, in a fifteenth of the time", async () => {
  const dir = await Deno.makeTempDir();
  try {
    await writeFastConfig(ROOT, dir, DRILLS[0]!, "drill-alertmanager");
    const { route, receivers } = parse(await Deno.readTextFile(join(dir, "alertmanager.yml")));
    for (const receiver of receivers) {
      assert.deepEqual(Object.keys(receiver), ["name", "webhook_configs"]);
      assert.deepEqual(receiver.webhook_configs.map(({ url }: { url: string }) => url), [
        "http://api:8000/alerts",
      ]);
    }
    assert.deepEqual([route.group_wait, route.group_interval, route.routes[0].repeat_interval], [
      "4000ms",
      "20000ms",
      "60000ms",
    ]);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

/** @throws {Error} with what it printed, when it finds something wrong or is not there */
async function run(program: string, ...args: string[]): Promise<void> {
  const { success, stdout, stderr } = await new Deno.Command(program, { args }).output();
  const text = new TextDecoder();
  assert.ok(success, text.decode(stdout) + text.decode(stderr));
}
