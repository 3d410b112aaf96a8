/** `verify --context`: an installation of the chart, found and reached with a scripted `kubectl`. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { EXIT } from "../../stack/failure.ts";
import { waitFor } from "../support/wait.ts";
import { type FakeStack, fakeStack } from "./fake_stack.ts";
import { createMachine, type Machine } from "./run_launcher.ts";

const API = {
  "app.kubernetes.io/name": "thought-processor",
  "app.kubernetes.io/component": "api",
};

interface ScriptedService {
  readonly at: string;
  readonly ports?: readonly number[];
  readonly labels?: Readonly<Record<string, string>>;
}

const RELEASE: ScriptedService = { at: "thoughts/tp-api", ports: [80], labels: API };
const MONITORING: readonly ScriptedService[] = [
  { at: "monitoring/prometheus-operated", ports: [9090, 10901] },
  { at: "monitoring/loki", ports: [3100] },
  { at: "observability/traces", ports: [4317, 3200] },
];

const FORWARD = join(import.meta.dirname!, "port_forward.ts");

/** A `kubectl` whose ports lead to the fake stack. `calls` has a line per call, and per forward that has ended. */
async function scriptKubectl(
  { bin }: Machine,
  services: readonly ScriptedService[],
  { port, before = "" }: { readonly port: number; readonly before?: string },
): Promise<{ calls: () => Promise<string[]> }> {
  const items = services.map(({ at, ports = [80], labels = {} }) => ({
    metadata: { namespace: at.split("/")[0], name: at.split("/")[1], labels },
    spec: { ports: ports.map((port) => ({ port })) },
  }));
  await Deno.writeTextFile(join(bin, "services.json"), JSON.stringify({ items }));
  const script = `#!/bin/sh
PATH=/usr/bin:/bin
echo "$*" >>'${bin}/calls'
${before}
case "$*" in
  *" get services "*) cat '${bin}/services.json';;
  *" port-forward "*)
    trap 'echo "ended $*" >>"${bin}/calls"; kill $!; exit 0' TERM
    '${Deno.execPath()}' run --quiet --no-config --no-lock --allow-net='127.0.0.1' '${FORWARD}' ${port} &
    wait;;
esac
`;
  await Deno.writeTextFile(join(bin, "kubectl"), script, { mode: 0o755 });
  return {
    calls: async () => (await Deno.readTextFile(join(bin, "calls"))).trim().split("\n"),
  };
}

const verify = (machine: Machine, ...args: string[]) =>
  machine.launch("verify", "--context", "kind", ...args);

Deno.test("verify --context finds the release and its monitoring, proves them by forwarded ports, and ends those", async () => {
  await using stack = fakeStack({ key: "tp_secret" });
  await using machine = await createMachine();
  const { calls } = await scriptKubectl(machine, [RELEASE, ...MONITORING], stack);
  const keyFile = join(machine.dir, "key");
  await Deno.writeTextFile(keyFile, "tp_secret\n");
  const run = await verify(machine, "--tempo", "observability/traces", "--key-file", keyFile, "--json");
  assert.equal(run.code, EXIT.ok, run.stderr);
  const { checklists } = JSON.parse(run.stdout);
  const outcomes = checklists.map((
    { checks }: { checks: { name: string; outcome: string; text: string }[] },
  ) =>
    Object.fromEntries(
      checks.map(({ name, outcome, text }) => [name, outcome === "skipped" ? text : outcome]),
    )
  );
  assert.deepEqual(outcomes, [
    { api: "ok", prometheus: "ok", loki: "ok", tempo: "ok" },
    {
      "targets": "ok",
      "data sources": "not checked: --grafana is not given",
      "dashboards": "not checked: --grafana is not given",
      "accepted": "ok",
      "completed": "ok",
      "counted": "ok",
      "traced": "ok",
      "logged": "ok",
      "panels": "ok",
      "watchdog": "not checked: --alertmanager is not given",
    },
  ]);
  const [asked, ...others] = await calls();
  assert.equal(asked, "--context kind get services --all-namespaces --output json");
  const forwards = [
    "--namespace thoughts port-forward --address 127.0.0.1 service/tp-api :80",
    "--namespace monitoring port-forward --address 127.0.0.1 service/prometheus-operated :9090",
    "--namespace monitoring port-forward --address 127.0.0.1 service/loki :3100",
    "--namespace observability port-forward --address 127.0.0.1 service/traces :3200",
  ].map((args) => `--context kind ${args}`);
  assert.deepEqual(others.sort(), [...forwards, ...forwards.map((args) => `ended ${args}`)].sort());
});

/** Starts a proof that never ends, and waits until its thought is posted. */
async function startProof(machine: Machine, stack: FakeStack): Promise<Deno.ChildProcess> {
  const child = machine.spawn("verify", "--context", "kind");
  await waitFor("a thought was posted", () => stack.posted.length > 0, { timeoutMs: 30_000 });
  return child;
}

for (const signal of ["SIGINT", "SIGHUP"] as const) {
  Deno.test({
    name: `${signal} deletes the thought by the forwarded port, and then ends it`,
    ignore: Deno.build.os === "windows",
    async fn() {
      await using stack = fakeStack({ neverProcess: true });
      await using machine = await createMachine();
      const { calls } = await scriptKubectl(machine, [RELEASE], stack);
      const child = await startProof(machine, stack);
      child.kill(signal);
      const { code } = await child.output();
      assert.equal(code, EXIT.interrupted);
      assert.deepEqual(stack.deleted, ["/thoughts/thought-1"]);
      assert.match((await calls()).at(-1)!, /^ended .* service\/tp-api :80$/);
    },
  });
}

Deno.test("a forward whose program ends by itself is a failure with its words, and ends the others", async () => {
  await using stack = fakeStack();
  await using machine = await createMachine();
  const before =
    `case "$*" in *loki*) echo "error: unable to forward port: pod is not running" >&2; exit 1;; esac`;
  const { calls } = await scriptKubectl(machine, [RELEASE, ...MONITORING], { ...stack, before });
  const run = await verify(machine);
  assert.equal(run.code, EXIT.service, run.stderr);
  assert.match(
    run.stderr,
    /monitoring\/loki[\s\S]*pod is not running[\s\S]*kubectl --namespace monitoring get pods/,
  );
  assert.equal(stack.posted.length, 0);
  assert.equal((await calls()).filter((call) => call.startsWith("ended ")).length, 2);
});

Deno.test("where only one namespace may be listed, that one is", async () => {
  await using stack = fakeStack();
  await using machine = await createMachine();
  const before = `case "$*" in *--all-namespaces*) echo "services is forbidden" >&2; exit 1;; esac`;
  const { calls } = await scriptKubectl(machine, [RELEASE], { ...stack, before });
  const run = await verify(machine, "--namespace", "thoughts");
  assert.equal(run.code, EXIT.ok, run.stderr);
  assert.equal((await calls())[1], "--context kind get services --namespace thoughts --output json");
});

Deno.test("without kubectl verify --context says where to get it, and how to do without", async () => {
  await using machine = await createMachine();
  const run = await verify(machine);
  assert.equal(run.code, EXIT.prerequisite, run.stderr);
  assert.match(run.stderr, /kubectl is not installed[\s\S]*kubernetes\.io\/docs\/tasks\/tools[\s\S]*--url/);
});

Deno.test("what verify --context cannot use is refused before anything is forwarded", async () => {
  const otherRelease = { ...RELEASE, at: "staging/tp-api" };
  const prometheuses = ["a", "b"].map((namespace) => ({ at: `${namespace}/prometheus`, ports: [9090] }));
  const noContext = `echo 'error: context "kind" does not exist' >&2; exit 1`;
  const cases: [ScriptedService[], before: string, args: string[], code: number, said: RegExp][] = [
    [[], noContext, [], EXIT.prerequisite, /context "kind" does not exist[\s\S]*kubectl config get-contexts/],
    [MONITORING.slice(), "", [], EXIT.usage, /no release of the chart in the context kind/],
    [
      [RELEASE],
      "",
      ["--namespace", "staging"],
      EXIT.usage,
      /no release of the chart in the namespace staging/,
    ],
    [[RELEASE, otherRelease], "", [], EXIT.usage, /thoughts\/tp-api, staging\/tp-api[\s\S]*give --namespace/],
    [
      [RELEASE, ...prometheuses],
      "",
      [],
      EXIT.usage,
      /several services prometheus[\s\S]*--prometheus NAMESPACE/,
    ],
    [[RELEASE], "", ["--loki", "monitoring/lok"], EXIT.usage, /no service monitoring\/lok/],
    [[RELEASE], "", ["--url", "http://127.0.0.1:1"], EXIT.usage, /cannot be used with/],
  ];
  for (const [services, before, args, code, said] of cases) {
    await using machine = await createMachine();
    const { calls } = await scriptKubectl(machine, services, { port: 1, before });
    const run = await verify(machine, ...args);
    assert.equal(run.code, code, run.stderr);
    assert.match(run.stderr, said);
    const called = await calls().catch(() => []);
    assert.ok(called.every((call) => !call.includes("port-forward")), `${called}`);
  }
});
