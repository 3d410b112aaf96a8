/**
 * The services of docs/your-own-service.md in the real stack: the launcher starts one of its own, adopts each
 * as that page says, and each is seen: target, panels, exemplar, trace, log line.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { EXIT } from "../../stack/failure.ts";
import { areInstalled, EXAMPLES, type RunningExample, startExample } from "../examples/example.ts";
import { ownPanels } from "../examples/own_panels.ts";
import { makeTraffic } from "../examples/traffic.ts";
import { createMachine, type Machine } from "../launcher/run_launcher.ts";
import { freePort } from "../support/free_port.ts";
import { waitFor } from "../support/wait.ts";
import { docker, missingImages, whyNoEngine } from "./engine.ts";
import { json } from "./stack.ts";

const PROJECT = "thought-processor-examples";
/** What none of this needs. */
const ALWAYS_WITHOUT = [
  "alertmanager",
  "canary",
  "node-exporter",
  "postgres-exporter",
  "redis-exporter",
  "kafka-exporter",
];
const OTLP = "http://127.0.0.1:4318";
/** Six scrapes. */
const SEEN_MS = 90_000;

const required = Deno.env.get("REQUIRE_STACK") === "1";
const missing = required ? [] : await missingImages().catch(() => []);
const withoutGrafana = missing.some((image) => image.startsWith("grafana/grafana:"));
const reason = await whySkip();
if (reason) {
  // deno-lint-ignore no-console -- a skipped test must be heard
  console.error(`skipped: the examples are not adopted by the real stack: ${reason}`);
}

Deno.test({
  name: "the examples are adopted by the real stack, and seen",
  ignore: reason !== undefined,
  async fn(t) {
    await using machine = await createMachine();
    await using running = new AsyncDisposableStack();
    running.defer(() => launch(machine, "uninstall"));
    const without = [...ALWAYS_WITHOUT, ...(withoutGrafana ? ["grafana"] : [])].join();
    const up = ["up", "--project", PROJECT, "--workers", "1", "--no-verify", "--timeout", "300s"];
    await launch(machine, ...up, "--without", without);
    await launch(machine, "adopt", "--otlp");
    const examples = await Promise.all(
      EXAMPLES.map(async (example) => running.use(await startExample(example, freePort(), OTLP))),
    );
    for (const { name, url } of examples) {
      const address = url.replace("127.0.0.1", "localhost");
      await t.step(`${name} is adopted`, () => launch(machine, "adopt", address, "--name", name));
    }
    const stores = await storesOf(machine);
    const { traceIds } = running.use(makeTraffic(examples));
    for (const example of examples) {
      await t.step(`${example.name} is seen`, async () => {
        const panels = await ownPanels(join(machine.state, "extensions"), example.name);
        assert.ok(panels.length >= 10, `${example.name} has ${panels.length} queries`);
        for (const { title, expr } of panels) await until(`${title}: ${expr}`, () => stores.hasData(expr));
        await isCorrelated(example, stores, traceIds);
      });
    }

    await t.step(
      "a line of a container in another project is found by its label and its trace",
      async () => {
        const [example] = examples;
        const line = await until("a line", () => example!.lines().at(-1));
        await using _container = await logInContainer("labelled", line);
        await until("its line", () => stores.hasLine("labelled", traceOf(line)));
      },
    );
  },
});

/** Exemplars, a trace and a log line belong to requests that were sent. */
async function isCorrelated(
  { name, lines }: RunningExample,
  stores: Stores,
  sent: ReadonlySet<string>,
): Promise<void> {
  await until("an exemplar", async () => (await stores.exemplars(name)).some((id) => sent.has(id)));
  const line = await until("a line with a trace", () => lines().find((text) => sent.has(traceOf(text))));
  const traceId = traceOf(line);
  await until("its trace", async () => (await stores.servicesInTrace(traceId)).includes(name));
  await stores.push(name, line);
  await until("its line", () => stores.hasLine(name, traceId));
}

function traceOf(line: string): string {
  return JSON.parse(line).trace_id;
}

async function launch(machine: Machine, ...args: string[]): Promise<void> {
  const run = await machine.launchWith({ PATH: Deno.env.get("PATH")! }, ...args);
  assert.equal(run.code, EXIT.ok, `${args.join(" ")}: ${run.stderr}`);
}

type Stores = Awaited<ReturnType<typeof storesOf>>;

/** What the stack's stores know, asked as Grafana asks. */
async function storesOf(machine: Machine) {
  const run = await machine.launchWith({ PATH: Deno.env.get("PATH")! }, "urls", "--json");
  const addresses: { service: string; url: string }[] = JSON.parse(run.stdout).addresses;
  const of = (service: string) => addresses.find((address) => address.service === service)!.url;
  const query = async (path: string, params: Record<string, string>) =>
    (await json(`${of("prometheus")}/api/v1/${path}?${new URLSearchParams(params)}`)).data;
  return {
    async hasData(expr: string): Promise<boolean> {
      const { result } = await query("query", { query: expr });
      return result.some(({ value }: { value: [number, string] }) => Number.isFinite(Number(value[1])));
    },
    async exemplars(job: string): Promise<string[]> {
      const now = Date.now() / 1_000;
      const series = `http_request_duration_seconds_bucket{job="${job}"}`;
      const found = await query("query_exemplars", {
        query: series,
        start: `${now - 300}`,
        end: `${now + 5}`,
      });
      return found.flatMap(({ exemplars }: { exemplars: { labels: { trace_id: string } }[] }) =>
        exemplars.map(({ labels }) => labels.trace_id)
      );
    },
    async servicesInTrace(traceId: string): Promise<string[]> {
      const { trace } = await json(`${of("tempo")}/api/v2/traces/${traceId}`, {
        headers: { accept: "application/json" },
      });
      return trace.resourceSpans.flatMap(({ resource }: { resource: { attributes: Attribute[] } }) =>
        resource.attributes.filter(({ key }) => key === "service.name").map(({ value }) => value.stringValue)
      );
    },
    /** As a program does that does not run in Docker. */
    async push(service: string, line: string): Promise<void> {
      const values = [[`${Date.now()}000000`, line]];
      const response = await fetch(`${of("loki")}/loki/api/v1/push`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ streams: [{ stream: { service }, values }] }),
      });
      assert.equal(response.status, 204, await response.text());
    },
    async hasLine(service: string, traceId: string): Promise<boolean> {
      const params = new URLSearchParams({ query: `{service="${service}"} | json | trace_id="${traceId}"` });
      return (await json(`${of("loki")}/loki/api/v1/query_range?${params}`)).data.result.length > 0;
    },
  };
}

interface Attribute {
  readonly key: string;
  readonly value: { readonly stringValue: string };
}

/** A container outside the stack that logs one line, with the label and the options that the page names. */
async function logInContainer(service: string, line: string): Promise<AsyncDisposable> {
  const image = (await docker(["compose", "config", "--images"])).stdout.split("\n")
    .find((name) => name.startsWith("redis:"))!;
  const name = `${PROJECT}-${service}`;
  const { code, stderr } = await docker([
    ...["run", "--detach", "--rm", "--name", name, "--label", `thought-processor.service=${service}`],
    ...["--log-driver", "json-file", "--log-opt", "tag={{.Name}}"],
    ...["--log-opt", "labels=thought-processor.service", "--entrypoint", "sh", image],
    ...["-c", 'echo "$0"; sleep 600', line],
  ]);
  assert.equal(code, 0, stderr);
  return {
    [Symbol.asyncDispose]: async () => void await docker(["rm", "--force", name]),
  };
}

async function whySkip(): Promise<string | undefined> {
  const noEngine = await whyNoEngine();
  if (required && noEngine) throw new Error(`REQUIRE_STACK=1, but ${noEngine}`);
  if (noEngine) return noEngine;
  if (!await areInstalled()) {
    if (required) {
      throw new Error("REQUIRE_STACK=1, but there are no examples: .ci/services install_examples");
    }
    return "they are not installed; run: .ci/services install_examples";
  }
  const image = missing.find((name) => !name.startsWith("grafana/grafana:"));
  return image && `image ${image} is not here; run: docker compose --profile monitoring pull`;
}

function until<T>(
  what: string,
  ask: () => T | undefined | false | Promise<T | undefined | false>,
): Promise<T> {
  return waitFor(what, ask, { timeoutMs: SEEN_MS, everyMs: 500 });
}
