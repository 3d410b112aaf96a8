/**
 * What config/alertmanager.yml suppresses, tested on a real Alertmanager (ALERTMANAGER or PATH) that is given
 * the alerts of a fault. Without one the tests are skipped with a message; with REQUIRE_SERVICES=1, as in CI,
 * that is a failure. tests/faults/notifications_test.ts plays whole faults, from the metrics on.
 */
import assert from "node:assert/strict";
import { parse } from "yaml";
import { serviceFiles } from "../../stack/extensions/service_files.ts";
import { readRules, type Rule } from "../contracts/rules.ts";
import { freePort } from "../support/free_port.ts";
import { isInstalled } from "../support/program.ts";
import { waitFor } from "../support/wait.ts";

const PROGRAM = Deno.env.get("ALERTMANAGER") ?? "prometheus-alertmanager";
const required = Deno.env.get("REQUIRE_SERVICES") === "1";
const found = await isInstalled(PROGRAM);
if (!found && !required) {
  // deno-lint-ignore no-console -- a skipped test must not look like a passed one
  console.warn("SKIPPED: inhibition. Put prometheus-alertmanager on PATH or its path into ALERTMANAGER.");
}
const ignore = !found && !required;
/** Those that `adopt` writes for a service. */
const adopted = parse(
  serviceFiles({
    name: "shop",
    url: new URL("http://localhost:3000/metrics"),
    target: "host.docker.internal:3000",
    process: [],
    typed: true,
    requests: {
      counter: "a_count",
      status: "code",
      durations: { metric: "a", buckets: true, perSecond: 1, bounds: [1] },
    },
  }).get("rules/shop.yml")!,
).groups[0].rules as Rule[];
const rules = [...await readRules(), ...adopted];

/** An alert by its rule: `ALERT severity label=value …`. */
type Sent = string;

interface Case {
  readonly name: string;
  readonly sent: readonly Sent[];
  /** Groups that are notified, each with its alerts. */
  readonly told: readonly (readonly string[])[];
}

/** Sent after the others: once it is silenced, Alertmanager knows what silences them. */
const LAST = [{ alertname: "Last", severity: "warning" }, { alertname: "Last", severity: "critical" }];

const WAITING: readonly Sent[] = [
  "OldestThoughtWaiting warning",
  "OldestThoughtWaiting critical",
  "OutboxStuck warning",
  "OutboxStuck critical",
  "ConsumerLagHigh critical",
  "ConsumerLagStuck critical partition=3",
  "WaitingUnknown warning",
  "LanesFull warning",
  "ErrorBudgetBurningFast critical slo=freshness component=workers symptom=waiting",
  "ErrorBudgetBurningFast critical slo=completion component=workers symptom=waiting",
  "ErrorBudgetBurningSlow warning slo=completion component=workers symptom=waiting",
];
const ERRORS: readonly Sent[] = [
  "ApiErrorsHigh warning",
  "ApiErrorsHigh critical",
  "ApiSlow critical",
  "ErrorBudgetBurningFast critical slo=api-availability component=api symptom=errors",
];

const CASES: readonly Case[] = [
  {
    name: "Kafka is down",
    sent: ["KafkaDown critical", "TargetDown warning job=kafka component=queue", ...WAITING],
    told: [["KafkaDown"]],
  },
  {
    name: "PostgreSQL is down",
    sent: ["PostgresDown critical", ...ERRORS, ...WAITING],
    told: [["PostgresDown"]],
  },
  {
    name: "the API is down",
    sent: [
      "ApiDown critical",
      "TargetDown warning job=thoughtprocessor-api component=api",
      "CanaryFailing critical",
      "NotificationsFailing warning integration=webhook",
      "SLOMetricAbsent warning slo=api-latency",
      ...ERRORS,
    ],
    told: [["ApiDown"]],
  },
  {
    name: "the API is down, and a receiver of another kind fails, and the workers measure nothing",
    sent: [
      "ApiDown critical",
      "NotificationsFailing warning integration=email",
      "SLOMetricAbsent warning slo=completion",
    ],
    told: [["ApiDown"], ["NotificationsFailing", "SLOMetricAbsent"]],
  },
  {
    name: "a service of one's own is down, and an exporter of ours with it",
    sent: [
      "ServiceDown critical",
      "ServiceErrors critical",
      "ServiceSlow warning",
      "TargetDown warning job=shop component=shop",
      "TargetDown warning job=node component=host",
    ],
    told: [["ServiceDown"], ["TargetDown"]],
  },
  {
    name: "no worker is left",
    sent: [
      "WorkersMissing warning",
      "WorkersMissing critical",
      "JobAbsent warning job=kafka-worker component=workers",
      "WorkersLost warning",
      "SLOMetricAbsent warning slo=completion",
      "SLOMetricAbsent warning slo=processing-success",
      ...WAITING,
    ],
    told: [["WorkersMissing"]],
  },
  {
    name: "the model is unavailable",
    sent: ["ModelUnavailable critical", ...WAITING],
    told: [["ModelUnavailable"]],
  },
  {
    name: "the model throttles us: not also the waiting, until that is critical",
    sent: [
      "ModelThrottled warning",
      "CanaryFailing critical",
      ...WAITING.filter((alert) => alert.includes(" warning")),
    ],
    told: [["ModelThrottled"]],
  },
  {
    name: "the model throttles us, and thoughts have waited for too long",
    sent: ["ModelThrottled warning", ...WAITING.filter((alert) => !alert.startsWith("ConsumerLag"))],
    told: [["ModelThrottled"], ["OldestThoughtWaiting", "OutboxStuck"]],
  },
  {
    name: "what the model responds cannot be used: not also that it is asked again",
    sent: ["ModelAnswersBad warning", "RetriesHigh warning", "DeadLetters warning"],
    told: [["DeadLetters"], ["ModelAnswersBad"]],
  },
  {
    name: "an operator paused the workers: one warning, and no page for what follows",
    sent: ["AnalysesWaitByChoice warning reason=paused", ...WAITING],
    told: [["AnalysesWaitByChoice"]],
  },
  {
    name: "Redis is down",
    sent: ["RedisDown warning", "CacheHitsLow info", "TargetDown warning job=redis component=cache"],
    told: [["RedisDown"]],
  },
  {
    name: "requests fail for a reason of the API's own",
    sent: [...ERRORS, "CanaryFailing critical"],
    told: [["ApiErrorsHigh"]],
  },
  {
    name: "the API is cut off from its stores, while the workers reach them",
    sent: [
      ...ERRORS,
      "CanaryFailing critical",
      "DependencyUnreachable warning dependency=database component=api instance=api:8000",
      "ErrorBudgetBurningFast critical slo=canary component=api symptom=canary",
    ],
    told: [["ApiErrorsHigh"]],
  },
  {
    name: "more is posted than workers do: the backlog, and not also the waiting that it causes",
    sent: [
      ...WAITING.filter((alert) => !alert.startsWith("ConsumerLagStuck")),
      "CanaryFailing critical",
      "ErrorBudgetBurningFast critical slo=canary component=api symptom=canary",
    ],
    told: [["ConsumerLagHigh"]],
  },
  {
    name: "analyses are slow: not also the backlog, the waiting, and the canary that gives up sooner",
    sent: [
      "ProcessingSlow warning",
      "ConsumerLagHigh warning",
      "OldestThoughtWaiting warning",
      "OutboxStuck warning",
      "CanaryFailing critical",
      "ErrorBudgetBurningFast critical slo=canary component=api symptom=canary",
    ],
    told: [["ProcessingSlow"]],
  },
  {
    name: "a backlog that is not critical yet, without the waiting that it causes",
    sent: ["ConsumerLagHigh warning", "OldestThoughtWaiting warning", "CanaryFailing critical"],
    told: [["ConsumerLagHigh"]],
  },
  {
    name: "slow analyses hide no waiting that is critical, and no canary that fails for want of an API",
    sent: ["ProcessingSlow warning", "OldestThoughtWaiting critical", "ApiErrorsHigh critical"],
    told: [["ApiErrorsHigh"], ["OldestThoughtWaiting"]],
  },
  {
    name: "a partition hangs",
    sent: [...WAITING, "CanaryFailing critical"],
    told: [["ConsumerLagStuck"]],
  },
  {
    name: "a worker that is cut off is told beside an API whose requests fail",
    sent: [
      "ApiErrorsHigh critical",
      "DependencyUnreachable warning dependency=database component=workers instance=w1:8001",
    ],
    told: [["ApiErrorsHigh"], ["DependencyUnreachable"]],
  },
  {
    name: "one critical alert silences no warning of another service, device, instance or objective",
    sent: [
      "KafkaDown critical",
      "DiskAlmostFull critical instance=node device=/dev/sda1",
      "DiskAlmostFull warning instance=node device=/dev/sda1",
      "DiskAlmostFull warning instance=node device=/dev/sdb1",
      "TargetDown warning job=loki component=monitoring",
      "DatabaseConnectionsHigh warning",
      "ApiErrorsHigh critical",
    ],
    told: [
      ["ApiErrorsHigh"],
      ["DatabaseConnectionsHigh"],
      ["DiskAlmostFull"],
      ["DiskAlmostFull"],
      ["KafkaDown"],
      ["TargetDown"],
    ],
  },
];

for (const { name, sent, told } of CASES) {
  Deno.test({
    name: `Alertmanager tells once: ${name}`,
    ignore,
    async fn() {
      const dir = await Deno.makeTempDir();
      const port = freePort();
      const child = new Deno.Command(PROGRAM, {
        args: [
          "--config.file=config/alertmanager.yml",
          `--storage.path=${dir}`,
          `--web.listen-address=127.0.0.1:${port}`,
          "--cluster.listen-address=",
        ],
        stdout: "null",
        stderr: "null",
      }).spawn();
      try {
        const api = `http://127.0.0.1:${port}/api/v2`;
        await waitFor("Alertmanager", async () => {
          const response = await fetch(`${api}/status`);
          await response.body?.cancel();
          return response.ok;
        });
        await post(`${api}/alerts`, sent.map(labelsOf));
        await post(`${api}/alerts`, LAST);
        const groups = await waitFor("every alert in a group, and the last one silenced", async () => {
          const all = await groupsOf(`${api}/alerts/groups`);
          const told = await groupsOf(`${api}/alerts/groups?inhibited=false`);
          const isReady = all.flat().length === sent.length + LAST.length &&
            told.flat().filter((name) => name === "Last").length === 1;
          return isReady && told.map((alerts) => alerts.filter((name) => name !== "Last"));
        });
        const names = groups.map((alerts) => [...new Set(alerts)].toSorted()).filter((alerts) =>
          alerts.length > 0
        );
        assert.deepEqual(names.map(String).toSorted(), told.map(String));
      } finally {
        child.kill("SIGTERM");
        await child.status;
        await Deno.remove(dir, { recursive: true });
      }
    },
  });
}

async function post(url: string, alerts: readonly Record<string, string>[]): Promise<void> {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(alerts.map((labels) => ({ labels }))),
  });
  assert.equal(response.status, 200, await response.text());
}

/** The names of the alerts of each group, as it would be sent. */
async function groupsOf(url: string): Promise<string[][]> {
  const groups = await (await fetch(url)).json() as { alerts: { labels: { alertname: string } }[] }[];
  return groups.map(({ alerts }) => alerts.map(({ labels }) => labels.alertname));
}

/** The labels that the rule gives, and those that the case adds. */
function labelsOf(alert: Sent): Record<string, string> {
  const [alertname = "", severity = "", ...added] = alert.split(" ");
  const rule = rules.find((r) => r.alert === alertname && r.labels?.severity === severity);
  assert.ok(rule, `no rule ${alertname} (${severity})`);
  const own = Object.entries(rule.labels ?? {}).filter(([, value]) => !value.includes("{{"));
  return {
    alertname,
    ...Object.fromEntries(own),
    ...Object.fromEntries(added.map((pair) => pair.split("="))),
  };
}
