/** The chart in a real cluster: installed, upgraded, its pods killed and evicted, under load. */
import assert from "node:assert/strict";
import { Webhook } from "standardwebhooks";
import { makeKey } from "../../api/keys.ts";
import { type Audit, auditOf } from "../faults/result_audit.ts";
import type { Received } from "../support/receiver.ts";
import { waitFor } from "../support/wait.ts";
import {
  apply,
  CANNOT_KILL,
  CONTEXT,
  evict,
  EXAMPLE,
  installChart,
  killProcesses,
  kubectl,
  NAMESPACE,
  nodes,
  openApi,
  openDatabase,
  pods,
  PREFIX,
  ready,
  run,
  testInCluster,
} from "./cluster.ts";
import type { PodLoadOptions, PodLoadOutcome } from "./load_main.ts";
import { SECRETS, startPodProgram } from "./pod_program.ts";

const PER_SECOND = 40;
/** The parts with two pods. */
const SCALED = ["worker", "api"] as const;
const RECEIVER = "receiver";
const RECEIVER_PORT = 8080;

interface Keys {
  /** Reaches every user's thoughts. */
  readonly everybody: string;
  /** The launcher's. */
  readonly prover: string;
}

/** Where policies close the network, the receiver needs a rule beside those of the example. */
const TO_RECEIVER = EXAMPLE === "strimzi-cnpg"
  ? [`networkPolicy.egress.rules[2].to[0].podSelector.matchLabels.app\\.kubernetes\\.io/name=${RECEIVER}`]
  : [];

/** As the tests want it; one of them upgrades it in between. */
const install = (...set: readonly string[]) =>
  installChart(
    "api.resources.requests.cpu=50m", // two cores are to be enough, one pod more at an upgrade included
    "workers.resources.requests.cpu=50m",
    `webhooks.privateHosts={${RECEIVER}}`,
    "api.autoscaling.max=2", // a busy machine would otherwise add pods to those that are counted
    "workers.autoscaling.max=2",
    ...TO_RECEIVER,
    ...set,
  );

/** Those of the last run, if there was one: a changed Secret reaches the pods a minute later. */
async function keys(): Promise<Keys> {
  const secret = "cluster-test-keys";
  const data = await kubectl("get", "secret", secret, "--ignore-not-found", "--output=jsonpath={.data.keys}");
  if (data !== "") return JSON.parse(atob(data));
  const everybody = makeKey({ name: "load", user: null, scopes: ["read", "write", "delete"] });
  const prover = makeKey({ name: "verify", user: "launcher-proof", scopes: ["read", "write", "delete"] });
  const made: Keys = { everybody: everybody.key, prover: prover.key };
  const common = { apiVersion: "v1", kind: "Secret" };
  await apply(
    {
      ...common,
      metadata: { name: "thoughts-keys" },
      stringData: { keys: `${everybody.line}\n${prover.line}\n` },
    },
    { ...common, metadata: { name: secret }, stringData: { keys: JSON.stringify(made) } },
  );
  return made;
}

testInCluster("the chart installs, and a thought is processed", async () => {
  const { everybody } = await keys();
  await install();
  await Promise.all([ready("api"), ready("worker"), ready("webhooks", 1)]);
  await using api = await openApi(everybody);
  const { id } = await api.call<{ id: string }>("POST", "/thoughts", {
    user_id: "ada",
    text: "Call the dentist tomorrow",
  });
  await waitFor("the thought is completed", async () => {
    const { status } = await api.call<{ status: string }>("GET", `/thoughts/${id}`);
    return status === "completed";
  });
});

testInCluster("the launcher finds the release and proves it", async () => {
  const { prover } = await keys();
  const keyFile = "secrets/cluster-test-key";
  await Deno.mkdir("secrets", { recursive: true });
  await Deno.writeTextFile(keyFile, prover);
  try {
    const { stdout, stderr } = await run("deno", [
      "task",
      "--quiet",
      "monitoring",
      "verify",
      `--context=${CONTEXT}`,
      `--key-file=${keyFile}`,
    ]);
    // deno-lint-ignore no-console -- the evidence
    console.log(stderr + stdout);
  } finally {
    await Deno.remove(keyFile);
  }
});

testInCluster("an upgrade under load refuses no request and loses no thought", async () => {
  await using load = await startPodLoad({ thoughts: 4_000 });
  const round = `podAnnotations.round=${crypto.randomUUID()}`; // another than any before
  const before = (await Promise.all(SCALED.map((component) => ready(component)))).flat();
  await install(`api.${round}`, `workers.${round}`, `webhooks.${round}`);
  const after = (await Promise.all(SCALED.map((component) => ready(component)))).flat();
  assert.deepEqual(after.filter(({ name }) => before.some((pod) => pod.name === name)), [], "all are new");
  const outcome = await load.outcome("upgrade");
  assert.equal(outcome.refused + outcome.unanswered, 0);
});

testInCluster("a pod of each part deleted without grace under load loses no thought", async () => {
  await using load = await startPodLoad({ thoughts: 2_000 });
  for (const component of SCALED) {
    const [victim] = await ready(component);
    await kubectl("delete", "pod", victim!.name, "--force", "--grace-period=0");
    await ready(component);
  }
  await load.outcome("pods deleted by force");
});

testInCluster("kill -9 of the processes of a pod of each part under load loses no thought", async () => {
  await using load = await startPodLoad({ thoughts: 2_000 });
  for (const component of SCALED) {
    const [victim] = await ready(component);
    await killProcesses(victim!);
    await waitFor("Kubernetes starts them again", async () => {
      const now = (await pods(component)).find(({ name }) => name === victim!.name);
      return now !== undefined && now.restarts > victim!.restarts && now.ready;
    }, { timeoutMs: 120_000, everyMs: 500 });
  }
  await load.outcome("kill -9 of worker and API");
}, CANNOT_KILL);

testInCluster(
  "an eviction waits until the pod evicted before is replaced, and loses no thought",
  async () => {
    await using load = await startPodLoad({ thoughts: 4_000 });
    for (const component of SCALED) {
      const [first, second] = await ready(component);
      assert.ok(await evict(first!), `the first ${component} may go`);
      assert.ok(!await evict(second!), `the budget holds the second ${component}`);
      await waitFor(`the second ${component} may go`, () => evict(second!), {
        timeoutMs: 120_000,
        everyMs: 1_000,
      });
      assert.ok((await pods(component)).some(({ ready }) => ready), "one is ready meanwhile");
      await ready(component);
    }
    const outcome = await load.outcome("every pod evicted, as a drain does");
    assert.equal(outcome.refused + outcome.unanswered, 0);
  },
);

testInCluster("a drained node under load refuses no request and loses no thought", async () => {
  await using load = await startPodLoad({ thoughts: 4_000 });
  const [{ node } = { node: "" }] = await ready("worker");
  try {
    await kubectl(
      "drain",
      node,
      "--pod-selector=app.kubernetes.io/name=thought-processor",
      "--delete-emptydir-data",
      "--timeout=5m",
    );
    await Promise.all([ready("api"), ready("worker")]);
  } finally {
    await kubectl("uncordon", node);
  }
  const outcome = await load.outcome("a drained node");
  assert.equal(outcome.refused + outcome.unanswered, 0);
}, CONTEXT === undefined || (await nodes()).length > 1 ? undefined : "one node alone");

testInCluster("the end of a thought is delivered to a webhook, signed", async () => {
  await using receiver = await startPodProgram({
    name: RECEIVER,
    modules: ["cluster/webhook_receiver.ts"],
    args: [String(RECEIVER_PORT)],
    permissions: ["--allow-net"],
    port: RECEIVER_PORT,
  });
  await using api = await openApi((await keys()).everybody);
  const url = `http://${RECEIVER}:${RECEIVER_PORT}/thoughts`;
  const { secret } = await api.call<{ secret: string }>("PUT", "/webhook", { url });
  const { id } = await api.call<{ id: string }>("POST", "/thoughts", {
    user_id: "ada",
    text: "Water the plants",
  });
  const event = await waitFor("the event has arrived", async () => {
    const events = (await receiver.lines()).slice(1).map((line): Received => JSON.parse(line));
    return events.find(({ body }) => body.includes(id));
  }, { everyMs: 500 });
  await api.call("DELETE", "/webhook");
  const { type, data } = new Webhook(secret).verify(event.body, event.headers) as {
    readonly type: string;
    readonly data: { readonly id: string };
  };
  assert.deepEqual([type, data.id], ["thought.completed", id]);
});

interface PodLoad extends AsyncDisposable {
  /** Waits until all is accepted and completed, once each, and prints how it went. */
  outcome(what: string): Promise<PodLoadOutcome>;
}

/** Posts through the service, from inside the cluster, 40 thoughts a second. */
async function startPodLoad({ thoughts }: Pick<PodLoadOptions, "thoughts">): Promise<PodLoad> {
  await using stack = new AsyncDisposableStack();
  const { sql } = stack.use(await openDatabase());
  const audit = auditOf(sql);
  await audit.watch();
  const options: PodLoadOptions = {
    api: `http://${PREFIX}-api.${NAMESPACE}.svc.cluster.local`,
    thoughts,
    perSecond: PER_SECOND,
  };
  const program = stack.use(
    await startPodProgram({
      name: "load",
      modules: ["cluster/load_main.ts", "faults/load.ts"],
      permissions: ["--allow-net", `--allow-read=${SECRETS}`],
      args: [JSON.stringify(options), `${SECRETS}/key`],
      secret: { key: (await keys()).everybody },
    }),
  );
  const owned = stack.move();
  return {
    async outcome(what) {
      const overAt = Date.now();
      const outcome: PodLoadOutcome = JSON.parse(
        await program.result(thoughts / PER_SECOND * 1_000 + 120_000),
      );
      assert.ok(outcome.finishedAt > overAt, "the load went on until the fault was over");
      await waitFor("no thought is on its way", async () => await audit.open() === 0, { timeoutMs: 180_000 });
      await report(what, outcome, audit);
      return outcome;
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function report(what: string, outcome: PodLoadOutcome, audit: Audit): Promise<void> {
  const { accepted, refused, unanswered, startedAt, longestPauseS } = outcome;
  const { lost, twice, failed, mixedUp } = await audit.verdict(accepted);
  const uncompletedS = await audit.longestPauseS(startedAt);
  // deno-lint-ignore no-console -- a report is for people
  console.log(
    `${what}: ${accepted.length} accepted, ${
      accepted.length - lost
    } completed, ${lost} lost, ${twice} twice, ` +
      `${refused} refused, ${unanswered} unanswered, ` +
      `longest pause ${longestPauseS.toFixed(1)} s of accepting, ${uncompletedS.toFixed(1)} s of completing`,
  );
  assert.deepEqual({ lost, twice, failed, mixedUp }, { lost: 0, twice: 0, failed: 0, mixedUp: 0 });
}
