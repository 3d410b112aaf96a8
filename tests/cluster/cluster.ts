/** A cluster with the chart in it: kind's, or the one node of `.ci/kubernetes/node`. */
import postgres from "postgres";
import { CHART } from "../deploy/chart.ts";
import { waitFor } from "../support/wait.ts";

/** Of kubectl's configuration. Its pods get killed, so it is named for this purpose alone. */
export const CONTEXT = Deno.env.get("TEST_CLUSTER_CONTEXT");
/** Of the chart, by the stores that the cluster has: `minimal` or `strimzi-cnpg`. */
export const EXAMPLE = Deno.env.get("TEST_CLUSTER_EXAMPLE") ?? "minimal";
/** `ctr` with the flags that lead to the node's containerd, where it runs on this machine. */
const CTR = Deno.env.get("TEST_CLUSTER_CTR")?.split(" ");

export const NAMESPACE = "thoughts";
const RELEASE = "thoughts";
/** What the chart puts before the names of its objects. */
export const PREFIX = `${RELEASE}-thought-processor`;

/** Where each example's PostgreSQL is, and the Secret with its password. */
const DATABASES = {
  minimal: {
    namespace: "data",
    service: "postgres",
    user: "thoughts",
    name: "thoughts",
    secret: { name: "thoughts-stores", key: "database" },
  },
  "strimzi-cnpg": {
    namespace: NAMESPACE,
    service: "thoughts-db-rw",
    user: "app",
    name: "app",
    secret: { name: "thoughts-db-app", key: "password" },
  },
} as const;

export type Component = "api" | "worker" | "webhooks";

export interface Pod {
  readonly name: string;
  readonly node: string;
  readonly ready: boolean;
  /** Of its only container: "containerd://…" */
  readonly container: string;
  readonly restarts: number;
}

/**
 * A test that needs a cluster; without one its name says that it was skipped.
 *
 * @param skipped why this cluster is not enough, if it is not
 */
export function testInCluster(name: string, fn: () => Promise<void>, skipped?: string): void {
  const why = CONTEXT === undefined ? "no TEST_CLUSTER_CONTEXT" : skipped;
  Deno.test({ name: why === undefined ? name : `${name} (skipped: ${why})`, ignore: why !== undefined, fn });
}

/** Installs the chart with the example's values, or upgrades it; waits until every pod is ready. */
export async function installChart(...set: readonly string[]): Promise<void> {
  await run("helm", [
    "upgrade",
    "--install",
    RELEASE,
    CHART,
    `--kube-context=${CONTEXT}`,
    `--namespace=${NAMESPACE}`,
    `--values=${CHART}/examples/values-${EXAMPLE}.yaml`,
    "--wait",
    "--timeout=5m",
    ...["monitoring.enabled=false", "monitoring.dashboards.enabled=false", ...set]
      .map((assignment) => `--set=${assignment}`),
  ]);
}

export async function pods(component: Component): Promise<Pod[]> {
  const { items } = JSON.parse(
    await kubectl("get", "pods", `--selector=app.kubernetes.io/component=${component}`, "--output=json"),
  ) as { readonly items: readonly PodObject[] };
  return items.filter(({ metadata }) => metadata.deletionTimestamp === undefined)
    .map(({ metadata, spec, status }) => ({
      name: metadata.name,
      node: spec.nodeName ?? "",
      ready: status.conditions?.some(({ type, status }) => type === "Ready" && status === "True") ?? false,
      container: status.containerStatuses?.[0]?.containerID ?? "",
      restarts: status.containerStatuses?.[0]?.restartCount ?? 0,
    }));
}

interface PodObject {
  readonly metadata: { readonly name: string; readonly deletionTimestamp?: string };
  readonly spec: { readonly nodeName?: string };
  readonly status: {
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
    readonly containerStatuses?: readonly { readonly containerID?: string; readonly restartCount: number }[];
  };
}

/** Waits until a part has so many ready pods and no other. */
export function ready(component: Component, count = 2): Promise<Pod[]> {
  return waitFor(`${count} ready pods of ${component}`, async () => {
    const all = await pods(component);
    return all.length === count && all.every(({ ready }) => ready) && all;
  }, { timeoutMs: 180_000, everyMs: 500 });
}

/** Why no process can be killed, if none can. */
export const CANNOT_KILL = CTR === undefined ? "no TEST_CLUSTER_CTR" : undefined;

/** `kill -9` of everything in the container, which Kubernetes learns from its end. */
export async function killProcesses({ container }: Pod): Promise<void> {
  const [program, ...flags] = CTR!;
  const id = container.replace("containerd://", "");
  await run(program!, [...flags, "--namespace=k8s.io", "tasks", "kill", "--all", "--signal=KILL", id]);
}

/**
 * Asks for what `kubectl drain` asks for each pod of a node.
 *
 * @returns false when a disruption budget forbids it now
 */
export async function evict({ name }: Pod): Promise<boolean> {
  const eviction = { apiVersion: "policy/v1", kind: "Eviction", metadata: { name, namespace: NAMESPACE } };
  const path = `/api/v1/namespaces/${NAMESPACE}/pods/${name}/eviction`;
  try {
    await kubectl("create", `--raw=${path}`, `--filename=${await temporaryFile(eviction)}`);
    return true;
  } catch (error) {
    if (/disruption budget/.test((error as Error).message)) return false;
    throw error;
  }
}

/** Nodes that pods may be put on. */
export async function nodes(): Promise<string[]> {
  const { items } = JSON.parse(await kubectl("get", "nodes", "--output=json")) as {
    readonly items: NodeObject[];
  };
  return items.filter(({ spec: { taints = [] } }) => taints.every(({ effect }) => effect !== "NoSchedule"))
    .map(({ metadata }) => metadata.name);
}

interface NodeObject {
  readonly metadata: { readonly name: string };
  readonly spec: { readonly taints?: readonly { readonly effect: string }[] };
}

/** Creates or changes objects in the release's namespace. */
export async function apply(...objects: readonly unknown[]): Promise<void> {
  const list = { apiVersion: "v1", kind: "List", items: objects };
  await kubectl("apply", `--filename=${await temporaryFile(list)}`);
}

async function temporaryFile(content: unknown): Promise<string> {
  const path = await Deno.makeTempFile({ suffix: ".json" });
  await Deno.writeTextFile(path, JSON.stringify(content));
  return path;
}

/** The installation's database, by a forwarded port. */
export async function openDatabase(): Promise<{ readonly sql: postgres.Sql } & AsyncDisposable> {
  const { namespace, service, user, name, secret } = DATABASES[EXAMPLE as keyof typeof DATABASES];
  const password = atob(
    await kubectl("get", "secret", secret.name, `--output=go-template={{index .data "${secret.key}"}}`),
  );
  await using forwards = new AsyncDisposableStack();
  const port = forwards.use(await forward(namespace, service, 5432));
  const sql = postgres({
    host: "127.0.0.1",
    port: port.port,
    user,
    password,
    database: name,
    max: 2,
    fetch_types: false,
    onnotice() {},
  });
  forwards.defer(() => sql.end({ timeout: 1 }));
  const owned = forwards.move();
  return { sql, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

export interface Api extends AsyncDisposable {
  /** @throws {Error} unless the response is a success */
  call<R = void>(method: string, path: string, body?: unknown): Promise<R>;
}

/** A pod of the API, by a forwarded port: for what does not last longer than that pod. */
export async function openApi(key: string): Promise<Api> {
  const { port, ...forwarded } = await forward(NAMESPACE, `${PREFIX}-api`, 80);
  return {
    ...forwarded,
    async call(method, path, body) {
      const response = await fetch(`http://127.0.0.1:${port}${path}`, {
        method,
        headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const text = await response.text();
      if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
      return text === "" ? undefined : JSON.parse(text);
    },
  };
}

async function forward(
  namespace: string,
  service: string,
  port: number,
): Promise<{ readonly port: number } & AsyncDisposable> {
  const child = new Deno.Command("kubectl", {
    args: [
      `--context=${CONTEXT}`,
      `--namespace=${namespace}`,
      "port-forward",
      `service/${service}`,
      `:${port}`,
    ],
    stdin: "null",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const lines = child.stdout.pipeThrough(new TextDecoderStream() as TransformStream<Uint8Array, string>);
  const reader = lines.getReader();
  const { value = "" } = await reader.read();
  const [, local] = /127\.0\.0\.1:(\d+)/.exec(value) ?? [];
  if (local === undefined) throw new Error(`kubectl forwards no port to ${namespace}/${service}`);
  return {
    port: Number(local),
    async [Symbol.asyncDispose]() {
      child.kill("SIGTERM");
      await Promise.all([child.status, reader.cancel()]);
    },
  };
}

/** In the release's namespace. @returns its output */
export async function kubectl(...args: readonly string[]): Promise<string> {
  return (await run("kubectl", [`--context=${CONTEXT}`, `--namespace=${NAMESPACE}`, ...args])).stdout;
}

export interface Written {
  readonly stdout: string;
  readonly stderr: string;
}

/** @throws {Error} with what the program wrote to stderr, when it fails */
export async function run(program: string, args: readonly string[]): Promise<Written> {
  const { success, stdout, stderr } = await new Deno.Command(program, { args: [...args], stdin: "null" })
    .output();
  const text = new TextDecoder();
  if (!success) throw new Error(`${program} ${args.join(" ")}: ${text.decode(stderr)}`);
  return { stdout: text.decode(stdout), stderr: text.decode(stderr) };
}
