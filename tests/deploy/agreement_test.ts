/** What the chart and the programs have to agree on: variables, ports, paths, deadlines, memory, security. */
import assert from "node:assert/strict";
import manifest from "../../deno.json" with { type: "json" };
import { parse } from "yaml";
import { type Program, PROGRAMS, SETTINGS } from "../../core/settings.ts";
import { STOP_DEADLINE_MS } from "../../core/process.ts";
import { PARTITIONS } from "../../core/queue/queue.ts";
import { createMetrics } from "../../core/telemetry/metrics.ts";
import { OWN_VALUES } from "../../tools/chart_settings.ts";
import { createOperations as createWebhookOperations } from "../../webhooks/operations.ts";
import { createOperations } from "../../worker/operations.ts";
import { readComposeFile } from "../support/compose_file.ts";
import { openTestApp } from "../support/test_app.ts";
import {
  CHART,
  type Container,
  containerOf,
  EXAMPLES,
  find,
  type Probe,
  render,
  testWithHelm,
  WORKLOADS,
} from "./chart.ts";

const compose = readComposeFile();
const COMPOSE_NAMES = { api: "api", worker: "kafka-worker", webhooks: "webhooks" } as const;
/** Those whose number follows the load. */
const SCALED = ["api", "worker"] as const;

/** Everything that the chart can set, in one rendering. */
const EVERYTHING = [
  "deployment=shop",
  "database.urlSecret.name=",
  "kafka.tls.caSecret.name=kafka-ca",
  "kafka.tls.clientSecret.name=kafka-client",
  "redis.caSecret.name=redis-ca",
  "webhooks.caSecret.name=webhook-ca",
];

testWithHelm("every variable of a pod is a setting of its program", async () => {
  for (const example of EXAMPLES) {
    const manifests = await render(example);
    for (const { kind, suffix, program } of WORKLOADS) {
      const known = variablesOf(program);
      const set = containerOf(find(manifests, kind, suffix)).env.map(({ name }) => name);
      assert.deepEqual(set.filter((name) => !known.has(name)), [], `${example}: ${kind} ${suffix}`);
      assert.equal(new Set(set).size, set.length, `${example}: ${kind} ${suffix} sets one twice`);
    }
  }
});

testWithHelm(
  "every setting has a value in the chart, but for those that make no sense in a pod",
  async () => {
    const renderings = await Promise.all([
      render("managed", ...EVERYTHING),
      render("managed", "api.allowAnonymous=true", "api.keysSecret.name="),
      render(
        "managed",
        "database.url=,database.sslmode=,database.urlSecret.name=db",
        "redis.url=,redis.urlSecret.name=redis",
      ),
    ]);
    const set = new Set(
      renderings.flatMap((manifests) =>
        WORKLOADS.flatMap(({ kind, suffix }) => containerOf(find(manifests, kind, suffix)).env)
      ).map(({ name }) => name.replace(/_FILE$/, "")),
    );
    const without = OWN_VALUES.map((key) => SETTINGS[key].env).filter((env) =>
      !set.has(env.replace(/_FILE$/, ""))
    );
    assert.deepEqual(without, ["DATA_DIR", "PRICES_FILE"]);
  },
);

testWithHelm(
  "a file that a variable names is mounted from a Secret, below what Deno lets be read",
  async () => {
    const manifests = await render("managed", ...EVERYTHING);
    for (const { kind, suffix } of WORKLOADS) {
      const workload = find(manifests, kind, suffix);
      const container = containerOf(workload);
      const paths = container.env.flatMap(({ value }) => value.match(/\/run\/secrets\/[^&\s]+/g) ?? []);
      assert.ok(paths.length > 0, suffix);
      const mount = container.volumeMounts.find(({ name }) => name === "secrets")!.mountPath;
      const { sources } = workload.spec.template.spec.volumes
        .find(({ name }: { name: string }) => name === "secrets").projected;
      const mounted = sources.flatMap((source: { secret: { items: { path: string }[] } }) =>
        source.secret.items.map(({ path }) => `${mount}/${path}`)
      );
      assert.deepEqual([...new Set(paths)].sort(), mounted.sort(), `${kind} ${suffix}`);
    }
  },
);

testWithHelm("no Service of the namespace becomes a variable of a pod", async () => {
  // Kubernetes would give all pods `API_PORT=tcp://…` for a Service named api, which no program takes for a port.
  const manifests = await render("managed");
  for (const { kind, suffix } of [...WORKLOADS, { kind: "Deployment", suffix: "-canary" }]) {
    assert.equal(find(manifests, kind, suffix).spec.template.spec.enableServiceLinks, false, suffix);
  }
});

testWithHelm("passwords stand in no variable", async () => {
  for (const example of EXAMPLES) {
    for (const { kind, suffix } of WORKLOADS) {
      const { env } = containerOf(find(await render(example), kind, suffix));
      const url = env.find(({ name }) => name === "DATABASE_URL")?.value;
      assert.equal(url === undefined ? "" : new URL(url).password, "");
      const bare = env.filter(({ name }) => /PASSWORD$|_KEY$|SECRET$|TOKEN$/.test(name));
      assert.deepEqual(bare.map(({ name }) => name), []);
    }
  }
});

testWithHelm(
  "a pod starts a program that is in the image, with the memory that it has in Compose",
  async () => {
    const manifests = await render("minimal");
    for (const program of PROGRAMS) {
      const { args, resources } = containerOf(find(manifests, "Deployment", `-${program}`));
      const { command, deploy } = compose.services[COMPOSE_NAMES[program]]!;
      assert.deepEqual(args, command);
      assert.equal(resources.limits.memory, deploy!.resources!.limits.memory!.replace("m", "Mi"));
    }
    const [start, entry] = containerOf(find(manifests, "Job")).args;
    assert.equal(start, "start");
    assert.ok((await Deno.stat(`${entry}.ts`)).isFile);
  },
);

testWithHelm(
  "probes use ports that are listened on and paths that exist; readiness is Compose's health check",
  async () => {
    const manifests = await render("minimal");
    await using api = await openTestApp({ kind: "away", store: { ping: () => Promise.resolve() } });
    const worker = createOperations({
      metrics: createMetrics("worker", "0"),
      readiness: () => Promise.resolve({ status: "up", dependencies: {} }),
      active: () => true,
      gate: () => ({ status: "open", reason: null, since: null, blockedUntil: null, limit: 1 }),
      lanes: { busy: () => 0 },
      relay: () => ({ blockedMs: () => 0 }),
    });
    const webhooks = createWebhookOperations({
      metrics: createMetrics("webhooks", "0"),
      readiness: () => Promise.resolve({ status: "up", dependencies: {} }),
    });
    const ask = {
      api: api.request,
      worker: (path: string) => worker.request(path),
      webhooks: (path: string) => webhooks.request(path),
    };
    for (const program of PROGRAMS) {
      const container = containerOf(find(manifests, "Deployment", `-${program}`));
      const listened = container.env.find(({ name }) => name === `${program.toUpperCase()}_PORT`)!.value;
      const port = container.ports!.find(({ name }) => name === container.readinessProbe!.httpGet.port)!;
      assert.equal(port.containerPort, Number(listened));
      for (const { httpGet } of probesOf(container)) {
        assert.equal((await ask[program](httpGet.path)).status, 200, httpGet.path);
        assert.equal(httpGet.port, port.name);
      }
      const check = compose.services[COMPOSE_NAMES[program]]!.healthcheck!.test;
      assert.deepEqual(check.slice(-2), [listened, container.readinessProbe!.httpGet.path]);
      assert.equal(container.livenessProbe!.httpGet.path, "/health/live");
    }
    const { spec } = find(await render("managed"), "ServiceMonitor");
    assert.equal((await api.request(spec.endpoints[0].path)).status, 200);
  },
);

testWithHelm("a pod has longer to stop than the stop may take", async () => {
  const manifests = await render("minimal");
  for (const program of PROGRAMS) {
    const workload = find(manifests, "Deployment", `-${program}`);
    const [, pauseS = "0"] = containerOf(workload).lifecycle?.preStop.exec.command ?? [];
    const leftMs = (workload.spec.template.spec.terminationGracePeriodSeconds - Number(pauseS)) * 1_000;
    assert.ok(leftMs > STOP_DEADLINE_MS, `${program}: ${leftMs} ms`);
  }
});

testWithHelm("pods fit the restricted security standard, and write nowhere but to /tmp", async () => {
  for (const example of EXAMPLES) {
    const manifests = await render(example);
    for (const { kind, suffix } of WORKLOADS) {
      const workload = find(manifests, kind, suffix);
      const { securityContext, automountServiceAccountToken, volumes, ...pod } = workload.spec.template.spec;
      assert.equal(automountServiceAccountToken, false);
      assert.equal(securityContext.runAsNonRoot, true);
      assert.deepEqual(securityContext.seccompProfile, { type: "RuntimeDefault" });
      assert.ok(!pod.hostNetwork && !pod.hostPID && !pod.hostIPC);
      assert.deepEqual(containerOf(workload).securityContext, {
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ["ALL"] },
      });
      const writable = volumes.filter((volume: Record<string, unknown>) => !("projected" in volume));
      assert.deepEqual(writable.map(({ name }: { name: string }) => name), ["tmp"]);
    }
  }
});

testWithHelm(
  "there are as many workers as partitions at most, and one pod of a part goes at a time",
  async () => {
    const values = parse(await Deno.readTextFile(`${CHART}/values.yaml`));
    assert.equal(values.kafka.partitions, PARTITIONS);
    for (const example of EXAMPLES) {
      const manifests = await render(example);
      const scaler = manifests.find(({ kind, metadata }) =>
        /^(ScaledObject|HorizontalPodAutoscaler)$/.test(kind) && metadata.name.endsWith("-worker")
      )!;
      assert.equal(scaler.spec.maxReplicaCount ?? scaler.spec.maxReplicas, PARTITIONS);
      for (const program of PROGRAMS) {
        assert.equal(find(manifests, "PodDisruptionBudget", `-${program}`).spec.maxUnavailable, 1);
      }
    }
  },
);

testWithHelm("KEDA admits the ScaledObjects, also those that take over from autoscalers by CPU", async () => {
  // Its webhook refuses a fallback where CPU is the only trigger, and a workload that an autoscaler has already.
  for (const inFlight of [0, 32]) {
    const manifests = await render(
      "minimal",
      "keda.enabled=true",
      "keda.prometheusUrl=http://prometheus:9090",
      `api.autoscaling.requestsInFlight=${inFlight}`,
    );
    for (const { metadata, spec } of manifests.filter(({ kind }) => kind === "ScaledObject")) {
      const isCpuAlone = spec.triggers.every(({ type }: { type: string }) => type === "cpu");
      assert.equal(spec.fallback === undefined, isCpuAlone, metadata.name);
    }
  }
  const autoscalers = (await render("minimal")).filter(({ kind }) => kind === "HorizontalPodAutoscaler");
  for (const { metadata } of autoscalers) {
    assert.equal(metadata.annotations?.["validations.keda.sh/hpa-ownership"], "false", metadata.name);
  }
  assert.equal(autoscalers.length, SCALED.length);
});

testWithHelm("selectors select the pods of the part that they are named after", async () => {
  const manifests = await render("managed");
  for (const program of PROGRAMS) {
    const name = `-${program}`;
    const labels = find(manifests, "Deployment", name).spec.template.metadata.labels;
    const selectors = [
      find(manifests, "Deployment", name).spec.selector,
      find(manifests, "PodDisruptionBudget", name).spec.selector,
      { matchLabels: find(manifests, "NetworkPolicy", name).spec.podSelector.matchLabels },
      program === "api"
        ? { matchLabels: find(manifests, "Service", name).spec.selector }
        : find(manifests, "PodMonitor", name).spec.selector,
    ];
    for (const { matchLabels } of selectors) {
      assert.equal(matchLabels["app.kubernetes.io/component"], program);
      for (const [label, value] of Object.entries(matchLabels)) assert.equal(labels[label], value);
    }
  }
  for (const program of SCALED) {
    const { scaleTargetRef } = find(manifests, "ScaledObject", `-${program}`).spec;
    assert.equal(scaleTargetRef.name, `tp-thought-processor-${program}`);
  }
});

Deno.test("the chart's version is the program's", async () => {
  const { appVersion, version } = parse(await Deno.readTextFile(`${CHART}/Chart.yaml`));
  assert.deepEqual([appVersion, version], [manifest.version, manifest.version]);
});

/** Names that a program reads, those of secrets' files included. */
function variablesOf(program: Program): ReadonlySet<string> {
  const settings = Object.values(SETTINGS).filter(({ on }) => on.some((it) => it === program));
  return new Set(
    settings.flatMap((setting) => "secret" in setting ? [setting.env, `${setting.env}_FILE`] : [setting.env]),
  );
}

function probesOf({ startupProbe, livenessProbe, readinessProbe }: Container): Probe[] {
  return [startupProbe!, livenessProbe!, readinessProbe!];
}
