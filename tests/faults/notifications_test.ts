/**
 * One fault, one page: what a real Prometheus and a real Alertmanager report of faults in a stack whose
 * metrics are played, with every duration of rules and routes divided. Without the programs (PROMETHEUS,
 * ALERTMANAGER or PATH) the tests are skipped with a message; with REQUIRE_SERVICES=1, as in CI, that is a
 * failure.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import { quickDuration, quickQuery } from "../../stack/drill/pace.ts";
import { serveStackMetrics, SPEED, type StackState } from "./played_stack.ts";
import { freePort } from "../support/free_port.ts";
import { isInstalled } from "../support/program.ts";
import { waitFor } from "../support/wait.ts";

interface Fault {
  readonly name: string;
  readonly breaks: (state: StackState) => void;
  /** The alerts of each notification that is sent, while it lasts and after its end. */
  readonly tells: readonly (readonly string[])[];
}

const FAULTS: readonly Fault[] = [
  { name: "Kafka is down", breaks: kafkaDown, tells: [["KafkaDown"]] },
  {
    name: "PostgreSQL is down",
    breaks: (state) => state.unreachable = ["database"],
    tells: [["PostgresDown"]],
  },
  { name: "Redis is down", breaks: (state) => state.unreachable = ["cache"], tells: [["RedisDown"]] },
  { name: "the API is down", breaks: (state) => state.down = ["thoughtprocessor-api"], tells: [["ApiDown"]] },
  {
    name: "the API is cut off from its stores",
    breaks: (state) => state.apiCutOff = true,
    tells: [["ApiErrorsHigh"]],
  },
  { name: "no worker is left", breaks: (state) => state.workers = 0, tells: [["WorkersMissing"]] },
  { name: "one worker of three is gone", breaks: (state) => state.workers = 2, tells: [["WorkersMissing"]] },
  {
    name: "the model is unavailable",
    breaks: (state) => state.gate = "outage",
    tells: [["ModelUnavailable"]],
  },
  {
    name: "the model has every request wait",
    breaks: (state) => state.gate = "rate",
    // The waiting that becomes critical is told beside its cause, which is a warning.
    tells: [["ModelThrottled"], ["OldestThoughtWaiting"]],
  },
  {
    name: "an operator paused the workers",
    breaks: (state) => state.gate = "paused",
    tells: [["AnalysesWaitByChoice"]],
  },
  {
    name: "the exporter of PostgreSQL died",
    breaks: (state) => state.down = ["postgres"],
    tells: [["TargetDown"]],
  },
  {
    name: "Kafka and Redis are down, and another disk fills up: nothing unrelated is silenced",
    breaks(state) {
      kafkaDown(state);
      state.unreachable.push("cache");
      state.disks = { "/dev/sda1": 0.04, "/dev/sdb1": 0.1 };
    },
    tells: [["DiskAlmostFull"], ["DiskAlmostFull"], ["KafkaDown"], ["RedisDown"]],
  },
];

interface Notification {
  readonly alerts: readonly {
    readonly status: string;
    readonly labels: { readonly alertname: string };
  }[];
}

/** In the stack's time: long enough for every `for`, and for the windows to empty. */
const WARM_UP_S = 400;
const BROKEN_S = 12 * 60;
const MENDED_S = 12 * 60;

const programs = {
  prometheus: Deno.env.get("PROMETHEUS") ?? "prometheus",
  alertmanager: Deno.env.get("ALERTMANAGER") ?? "prometheus-alertmanager",
};
/** Of the configuration under test. */
const root = Deno.env.get("NOTIFICATIONS_ROOT") ?? ".";
const required = Deno.env.get("REQUIRE_SERVICES") === "1";
const found = (await Promise.all(Object.values(programs).map((program) => isInstalled(program)))).every(
  Boolean,
);
if (!found && !required) {
  // deno-lint-ignore no-console -- a skipped test must not look like a passed one
  console.warn(
    "SKIPPED: notifications per fault. Put prometheus and alertmanager on PATH or into PROMETHEUS, ALERTMANAGER.",
  );
}

Deno.test({
  name: "one fault, one page, and nothing unrelated is silenced",
  ignore: !found && !required,
  async fn(t) {
    const told = new Map<string, Promise<string[][]>>();
    // Six at a time: each is a Prometheus and an Alertmanager, which mostly wait.
    const waiting = [...FAULTS];
    const next = async (): Promise<void> => {
      const fault = waiting.shift();
      if (fault === undefined) return;
      const played = play(fault);
      told.set(fault.name, played);
      await played.catch(() => {});
      await next();
    };
    await Promise.all(Array.from({ length: 6 }, next));
    for (const { name, tells } of FAULTS) {
      await t.step(name, async () => {
        assert.deepEqual((await told.get(name)!).map(String).toSorted(), tells.map(String).toSorted());
      });
    }
  },
});

/** @returns the alerts of every notification of something firing, in their order */
async function play({ breaks }: Fault): Promise<string[][]> {
  const dir = await Deno.makeTempDir();
  await using cleanup = new AsyncDisposableStack();
  cleanup.defer(() => Deno.remove(dir, { recursive: true }));
  await using stack = serveStackMetrics();
  const notifications: string[][] = [];
  await using receiver = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    const { alerts } = await request.json() as Notification;
    const firing = alerts.filter(({ status }) => status === "firing").map(({ labels }) => labels.alertname);
    if (firing.length > 0 && !firing.includes("Watchdog")) notifications.push([...new Set(firing)]);
    return new Response();
  });
  const [alertmanager, prometheus] = [freePort(), freePort()];
  await writeConfig(dir, stack.scrapeConfig, alertmanager, receiver.addr.port);
  cleanup.use(start(programs.alertmanager, [
    `--config.file=${dir}/alertmanager.yml`,
    `--storage.path=${dir}/am`,
    `--web.listen-address=127.0.0.1:${alertmanager}`,
    "--cluster.listen-address=",
  ]));
  cleanup.use(start(programs.prometheus, [
    `--config.file=${dir}/prometheus.yml`,
    `--storage.tsdb.path=${dir}/tsdb`,
    `--web.listen-address=127.0.0.1:${prometheus}`,
  ]));
  await waitFor("the Watchdog in Alertmanager", async () => {
    const response = await fetch(`http://127.0.0.1:${alertmanager}/api/v2/alerts`);
    return (await response.json()).length > 0;
  }, { timeoutMs: 120_000 });
  await pass(WARM_UP_S);
  assert.deepEqual(notifications, [], "a healthy stack sends nothing");
  const well = structuredClone(stack.state);
  breaks(stack.state);
  await pass(BROKEN_S);
  Object.assign(stack.state, well);
  await pass(MENDED_S);
  return notifications;
}

/** The passing of time is what is tested. */
function pass(seconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, seconds / SPEED * 1_000));
}

function start(program: string, args: readonly string[]): AsyncDisposable {
  const child = new Deno.Command(program, { args: [...args], stdout: "null", stderr: "null" }).spawn();
  return {
    async [Symbol.asyncDispose]() {
      try {
        child.kill("SIGTERM");
      } catch { /* it has ended already */ }
      await child.status;
    },
  };
}

type Rule = Record<string, string> & { readonly expr: string };

async function writeConfig(
  dir: string,
  scrapeConfig: (job: string, component: string) => unknown,
  alertmanager: number,
  receiver: number,
): Promise<void> {
  const read = async (name: string) =>
    parse(await Deno.readTextFile(join(root, "config", name)), { merge: true });
  const write = (name: string, content: unknown) =>
    Deno.writeTextFile(join(dir, name), stringify(content, { aliasDuplicateObjects: false }));
  const quick = (text: string) => quickDuration(text, SPEED);

  for (const file of ["recording.yml", "slo.yml", "alerts.yml"]) {
    const { groups } = await read(`prometheus/${file}`) as {
      groups: { name: string; interval?: string; rules: Rule[] }[];
    };
    await write(file, {
      groups: groups.map(({ interval, ...group }) => ({
        ...group,
        ...interval !== undefined && { interval: quick(interval) },
        rules: group.rules.map((rule) => ({
          ...rule,
          expr: quickQuery(rule.expr, SPEED, 0),
          ...Object.fromEntries(
            ["for", "keep_firing_for"].filter((key) => key in rule).map((key) => [key, quick(rule[key]!)]),
          ),
        })),
      })),
    });
  }
  const { scrape_configs } = await read("prometheus.yml");
  await write("prometheus.yml", {
    global: { scrape_interval: "1s", scrape_timeout: "1s", evaluation_interval: "1s" },
    rule_files: ["recording.yml", "slo.yml", "alerts.yml"].map((file) => join(dir, file)),
    alerting: { alertmanagers: [{ static_configs: [{ targets: [`127.0.0.1:${alertmanager}`] }] }] },
    scrape_configs: scrape_configs.map((
      { job_name, static_configs, relabel_configs }: {
        job_name: string;
        static_configs?: { labels?: { component?: string } }[];
        relabel_configs?: { replacement?: string }[];
      },
    ) =>
      scrapeConfig(
        job_name,
        static_configs?.[0]?.labels?.component ?? relabel_configs?.[0]?.replacement ?? "none",
      )
    ),
  });
  const quickRoute = (route: Record<string, unknown>): unknown => ({
    ...route,
    ...Object.fromEntries(
      ["group_wait", "group_interval", "repeat_interval"].filter((key) => key in route)
        .map((key) => [key, quick(route[key] as string)]),
    ),
    // A notification that is repeated is not another one.
    repeat_interval: "1h",
    ...Array.isArray(route.routes) && { routes: route.routes.map(quickRoute) },
  });
  const { route, receivers, inhibit_rules } = await read("alertmanager.yml");
  await write("alertmanager.yml", {
    route: quickRoute(route),
    inhibit_rules,
    receivers: receivers.map(({ name }: { name: string }) => ({
      name,
      webhook_configs: [{ url: `http://127.0.0.1:${receiver}/`, send_resolved: true }],
    })),
  });
}

function kafkaDown(state: StackState): void {
  state.unreachable = ["queue"];
  state.down = ["kafka"]; // its exporter hangs
}
