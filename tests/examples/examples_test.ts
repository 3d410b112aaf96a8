/**
 * The services of docs/your-own-service.md: each is started, adopted, scraped by a real Prometheus
 * (PROMETHEUS or PATH), and seen: target, panels, alerts, exemplar, log line, trace. Without the programs the
 * test is skipped with a message; with REQUIRE_SERVICES=1, as in CI, that is a failure.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { EXIT } from "../../stack/failure.ts";
import { createMachine, type Machine } from "../launcher/run_launcher.ts";
import { scriptDocker } from "../launcher/scripted_docker.ts";
import { freePort } from "../support/free_port.ts";
import { isInstalled } from "../support/program.ts";
import { waitFor } from "../support/wait.ts";
import { startCollector } from "./collector.ts";
import { areInstalled, EXAMPLES, type RunningExample, startExample } from "./example.ts";
import { ownPanels } from "./own_panels.ts";
import { PROMETHEUS, startPrometheus } from "./prometheus.ts";
import { makeTraffic } from "./traffic.ts";

const PROMTOOL = Deno.env.get("PROMTOOL") ?? "promtool";
const required = Deno.env.get("REQUIRE_SERVICES") === "1";
const found = await areInstalled() && await isInstalled(PROMETHEUS);
if (!found && !required) {
  // deno-lint-ignore no-console -- a skipped test must not look like a passed one
  console.warn("SKIPPED: the example services. Run .ci/services install.");
}

Deno.test({
  name: "each example is adopted and seen: target, panels, alerts, exemplar, log line, trace",
  ignore: !found && !required,
  fn: async (t) => {
    await using machine = await createMachine();
    await scriptDocker(machine.bin, [{ when: "network inspect bridge *", stdout: "127.0.0.2\n" }]);
    await using collector = startCollector();
    await using stack = new AsyncDisposableStack();
    const running = await Promise.all(
      EXAMPLES.map(async (example) => stack.use(await startExample(example, freePort(), collector.url))),
    );
    await t.step("adopt recognises each", async () => {
      for (const one of running) await adopted(machine, one);
    });
    const extensions = join(machine.state, "extensions");
    const prometheus = stack.use(await startPrometheus(extensions, running.map(({ name }) => name)));
    const traffic = stack.use(makeTraffic(running));
    for (const { name, lines } of running) {
      await t.step(`${name} is scraped, and every panel has data`, async () => {
        await waitFor(
          `${name} to be up`,
          async () => (await prometheus.values(`up{job="${name}"}`))[0] === 1,
        );
        const panels = await ownPanels(extensions, name);
        assert.ok(panels.length >= 10, `${name} has ${panels.length} queries`);
        for (const { title, expr } of panels) {
          await waitFor(
            `${name}: ${title} to have data: ${expr}`,
            async () => (await prometheus.values(expr)).some(Number.isFinite),
          );
        }
      });
      await t.step(
        `${name}: an exemplar leads to a trace that was sent, and so does a log line`,
        async () => {
          const metric = `http_request_duration_seconds_bucket{job="${name}"}`;
          await waitFor(
            `an exemplar of ${name}`,
            async () => (await prometheus.exemplars(metric)).some((traceId) => traffic.traceIds.has(traceId)),
          );
          const logged = await waitFor(
            `a log line of ${name}`,
            () =>
              lines().map((line) => JSON.parse(line)).find(({ trace_id }) => traffic.traceIds.has(trace_id)),
          );
          assert.match(logged.level, /^(INFO|ERROR)$/);
          assert.match(logged.span_id, /^[0-9a-f]{16}$/);
          await waitFor(`${name}'s trace`, () => collector.has(name, logged.trace_id));
        },
      );
    }
    await t.step(
      "the alerts are loaded without an error, and the one about errors is on its way",
      async () => {
        const firing = async () => {
          const rules = await prometheus.rules();
          for (const { name, health, lastError } of rules) {
            assert.notEqual(health, "err", `${name}: ${lastError}`);
          }
          return rules.filter(({ name, state }) => name === "ServiceErrors" && state === "pending");
        };
        await waitFor(
          "ServiceErrors of every example",
          async () => (await firing()).length === running.length,
        );
      },
    );
  },
});

/** An adoption's output must be true, and its rules must pass promtool. */
async function adopted(machine: Machine, { name, url }: RunningExample): Promise<void> {
  const run = await machine.launch("adopt", url.replace("127.0.0.1", "localhost"), "--name", name, "--json");
  assert.equal(run.code, EXIT.ok, run.stderr);
  const [{ checks }] = JSON.parse(run.stdout).checklists;
  const { notes } = checks.find((check: { name: string }) => check.name === "metrics");
  assert.ok(notes.includes("requests by http_request_duration_seconds_count"), `${name}: ${notes}`);
  const library =
    { "deno-hono": "prom-client", "node-express": "prom-client", "python-fastapi": "Python" }[name] ??
      "Go's client";
  assert.ok(notes.some((note: string) => note.startsWith(library)), `${name}: ${notes}`);
  const rules = join(machine.state, "extensions", "rules", `${name}.yml`);
  const { success, stderr } = await new Deno.Command(PROMTOOL, { args: ["check", "rules", rules] }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
}
