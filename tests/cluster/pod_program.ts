/** A program of these tests in a pod of its own, with our image, in the namespace of the release. */
import { parse } from "yaml";
import { waitFor } from "../support/wait.ts";
import { CHART } from "../deploy/chart.ts";
import { apply, kubectl, NAMESPACE } from "./cluster.ts";

export interface PodProgramOptions {
  readonly name: string;
  /** Those that it consists of, below tests/; the first is the program. */
  readonly modules: readonly [string, ...string[]];
  readonly args?: readonly string[];
  /** Deno's flags that allow what it does. */
  readonly permissions: readonly string[];
  /** Mounted at {@linkcode SECRETS}, a file for each key. */
  readonly secret?: Readonly<Record<string, string>>;
  /** A service of this name leads to it. */
  readonly port?: number;
}

export interface PodProgram extends AsyncDisposable {
  /** What it has printed so far. */
  lines(): Promise<string[]>;
  /** Waits until it has ended. @returns the last line */
  result(timeoutMs: number): Promise<string>;
}

export const SECRETS = "/run/secrets/test";

const IMAGE = "registry.example.com/thought-processor";

/** Starts it, and waits until it has printed its first line. */
export async function startPodProgram(options: PodProgramOptions): Promise<PodProgram> {
  const { name, modules, args = [], permissions, secret = {}, port } = options;
  const { appVersion } = parse(await Deno.readTextFile(`${CHART}/Chart.yaml`));
  const labels = { "app.kubernetes.io/name": name };
  const metadata = { name, namespace: NAMESPACE, labels };
  const keyOf = (module: string) => module.replaceAll("/", "--");
  const sources = await Promise.all(
    modules.map(async (module) => [keyOf(module), await Deno.readTextFile(`tests/${module}`)] as const),
  );
  await remove(name);
  await apply(
    { apiVersion: "v1", kind: "ConfigMap", metadata, data: Object.fromEntries(sources) },
    { apiVersion: "v1", kind: "Secret", metadata, stringData: secret },
    ...port === undefined
      ? []
      : [{ apiVersion: "v1", kind: "Service", metadata, spec: { selector: labels, ports: [{ port }] } }],
    {
      apiVersion: "v1",
      kind: "Pod",
      metadata,
      spec: {
        restartPolicy: "Never",
        automountServiceAccountToken: false,
        securityContext: { runAsNonRoot: true, runAsUser: 1993, seccompProfile: { type: "RuntimeDefault" } },
        containers: [{
          name,
          image: `${IMAGE}:${appVersion}`,
          args: ["deno", "run", "--quiet", "--no-prompt", "--no-config", "--no-lock"]
            .concat(permissions, `/tests/${modules[0]}`, args),
          securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } },
          volumeMounts: [
            { name: "source", mountPath: "/tests" },
            { name: "secret", mountPath: SECRETS },
          ],
        }],
        volumes: [
          {
            name: "source",
            configMap: { name, items: modules.map((module) => ({ key: keyOf(module), path: module })) },
          },
          { name: "secret", secret: { secretName: name } },
        ],
      },
    },
  );
  const lines = async () => (await kubectl("logs", name)).trim().split("\n").filter((line) => line !== "");
  await waitFor(`${name} has started`, async () => (await lines()).length > 0, {
    timeoutMs: 60_000,
    everyMs: 250,
  });
  return {
    lines,
    async result(timeoutMs) {
      const phase = await waitFor(`${name} has ended`, async () => {
        const phase = await kubectl("get", "pod", name, "--output=jsonpath={.status.phase}");
        return /Succeeded|Failed/.test(phase) && phase;
      }, { timeoutMs, everyMs: 1_000 });
      if (phase === "Failed") throw new Error(`${name} failed: ${(await lines()).join("\n")}`);
      return (await lines()).at(-1)!;
    },
    [Symbol.asyncDispose]: () => remove(name),
  };
}

async function remove(name: string): Promise<void> {
  await kubectl(
    "delete",
    "pod,service,configmap,secret",
    `--selector=app.kubernetes.io/name=${name}`,
    "--grace-period=1",
  );
}
