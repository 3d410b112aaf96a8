/**
 * The Helm chart, rendered by Helm itself. Without Helm its tests are skipped; with REQUIRE_SERVICES=1 that
 * is a failure.
 */
import assert from "node:assert/strict";
import { parseAllDocuments } from "yaml";
import { required } from "../support/services.ts";

export const CHART = "deploy/helm/thought-processor";
export const EXAMPLES = ["minimal", "managed", "strimzi-cnpg"] as const;
export type Example = (typeof EXAMPLES)[number];

/** The cluster's version as told to Helm; kubernetes-validate has its schemas. */
export const KUBERNETES = "1.36";
export const RELEASE = { name: "tp", namespace: "thoughts" } as const;

export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  // deno-lint-ignore no-explicit-any -- each kind has its own; the schemas check them
  readonly spec: any;
  readonly data?: Readonly<Record<string, string>>;
}

export interface Container {
  readonly args: readonly string[];
  readonly env: readonly { readonly name: string; readonly value: string }[];
  readonly ports?: readonly { readonly name: string; readonly containerPort: number }[];
  readonly startupProbe?: Probe;
  readonly livenessProbe?: Probe;
  readonly readinessProbe?: Probe;
  readonly lifecycle?: { readonly preStop: { readonly exec: { readonly command: readonly string[] } } };
  readonly securityContext: Readonly<Record<string, unknown>>;
  readonly resources: { readonly limits: { readonly memory: string } };
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
}

export interface Probe {
  readonly httpGet: { readonly port: string; readonly path: string };
}

const installed = (program: string) => {
  try {
    return new Deno.Command(program, { args: ["--help"], stdout: "null", stderr: "null" }).outputSync()
      .success;
  } catch {
    return false;
  }
};
const missing = ["helm", "kubernetes-validate"].filter((program) => !installed(program));
if (required && missing.length > 0) {
  throw new Error(`REQUIRE_SERVICES is set, but PATH has no ${missing.join(" and no ")}`);
}

/** A test that needs Helm and the schemas; where they are missing, its name says that it was skipped. */
export function testWithHelm(name: string, fn: () => Promise<void>): void {
  const skipped = missing.length > 0;
  Deno.test({ name: skipped ? `${name} (skipped: no ${missing.join(", ")})` : name, ignore: skipped, fn });
}

/** The chart's objects with an example's values, and `--set` arguments on top of them. */
export async function render(example: Example, ...set: readonly string[]): Promise<Manifest[]> {
  const { success, stdout, stderr } = await template(example, ...set);
  assert.ok(success, stderr);
  return parseAllDocuments(stdout, { version: "1.1" }).map((document) => document.toJS() as Manifest | null)
    .filter((manifest) => manifest !== null);
}

const rendered = new Map<string, Promise<Output>>();

/** Helm's rendering of the chart, or why it refuses to; each one is rendered once. */
export function template(example: Example, ...set: readonly string[]): Promise<Output> {
  const key = JSON.stringify([example, ...set]);
  const before = rendered.get(key);
  if (before !== undefined) return before;
  const output = runTemplate(example, set);
  rendered.set(key, output);
  return output;
}

function runTemplate(example: Example, set: readonly string[]): Promise<Output> {
  return run(
    "helm",
    "template",
    RELEASE.name,
    CHART,
    `--namespace=${RELEASE.namespace}`,
    `--kube-version=${KUBERNETES}.0`,
    `--values=${CHART}/examples/values-${example}.yaml`,
    ...set.map((assignment) => `--set=${assignment}`),
  );
}

export interface Output {
  readonly success: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

export async function run(program: string, ...args: readonly string[]): Promise<Output> {
  const { success, stdout, stderr } = await new Deno.Command(program, { args: [...args] }).output();
  const text = new TextDecoder();
  return { success, stdout: text.decode(stdout), stderr: text.decode(stderr) };
}

/** The object of this kind whose name ends so. */
export function find(manifests: readonly Manifest[], kind: string, suffix = ""): Manifest {
  const found = manifests.find(({ kind: it, metadata }) => it === kind && metadata.name.endsWith(suffix));
  assert.ok(found, `no ${kind} …${suffix}`);
  return found;
}

/** Objects that run something, with the program that they run. */
export const WORKLOADS = [
  { kind: "Deployment", suffix: "-api", program: "api" },
  { kind: "Deployment", suffix: "-worker", program: "worker" },
  { kind: "Deployment", suffix: "-webhooks", program: "webhooks" },
  { kind: "Job", suffix: "-migration", program: "api" },
] as const;

export function containerOf(workload: Manifest): Container {
  const containers = workload.spec.template.spec.containers;
  assert.equal(containers.length, 1);
  return containers[0];
}
