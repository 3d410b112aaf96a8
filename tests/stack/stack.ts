/** A stack of its own for the tests: own project name, own image, volumes and ports, beside one that may be running. */
import { isFree } from "../../stack/docker/port.ts";
import { docker } from "./engine.ts";

const PROJECT = "thought-processor-test";
const WORKER_PORTS = 10;
const base = freePorts(6 + WORKER_PORTS);
const ENVIRONMENT = {
  APP_IMAGE: PROJECT,
  API_PORT: `${base}`,
  GRAFANA_PORT: `${base + 1}`,
  PROMETHEUS_PORT: `${base + 2}`,
  ALERTMANAGER_PORT: `${base + 3}`,
  LOKI_PORT: `${base + 4}`,
  TEMPO_PORT: `${base + 5}`,
  WORKER_PORTS: `${base + 6}-${base + 5 + WORKER_PORTS}`,
} as const;

export const urls = {
  api: `http://127.0.0.1:${ENVIRONMENT.API_PORT}`,
  grafana: `http://127.0.0.1:${ENVIRONMENT.GRAFANA_PORT}`,
  prometheus: `http://127.0.0.1:${ENVIRONMENT.PROMETHEUS_PORT}`,
  loki: `http://127.0.0.1:${ENVIRONMENT.LOKI_PORT}`,
  tempo: `http://127.0.0.1:${ENVIRONMENT.TEMPO_PORT}`,
} as const;

/** The first of so many ports in a row that nothing listens on. */
function freePorts(count: number): number {
  const isRow = (first: number) => Array.from({ length: count }).every((_, i) => isFree(first + i));
  for (let first = 42_000; first < 60_000; first += count) if (isRow(first)) return first;
  throw new Error(`No ${count} free ports in a row between 42000 and 60000`);
}

/**
 * Runs `docker compose` on the test's project.
 *
 * @throws {Error} with what Compose wrote, when it fails
 */
export async function compose(...args: string[]): Promise<string> {
  // An empty file: whatever .env the developer has must not change what is tested.
  const fixed = ["compose", "--env-file", "/dev/null", "--project-name", PROJECT, "--profile", "monitoring"];
  const { code, stdout, stderr } = await docker([...fixed, ...args], ENVIRONMENT);
  if (code !== 0) throw new Error(`docker compose ${args.join(" ")} failed:\n${stderr.slice(-4_000)}`);
  return stdout;
}

export interface Container {
  readonly Name: string;
  readonly Service: string;
  readonly State: string;
  readonly Health: string;
  readonly ExitCode: number;
}

/** Every container of the project, stopped ones too. */
export async function containers(): Promise<Container[]> {
  const lines = (await compose("ps", "--all", "--format", "json")).trim().split("\n");
  return lines.map((line) => JSON.parse(line));
}

/**
 * A JSON answer.
 *
 * @throws {Error} when the status is not 2xx
 */
// deno-lint-ignore no-explicit-any -- five programs' answers, looked into by the tests that ask
export async function json(url: string, init?: RequestInit): Promise<any> {
  const response = await fetch(url, init);
  const text = await response.text();
  if (!response.ok) throw new Error(`${url}: ${response.status} ${text.slice(0, 200)}`);
  return JSON.parse(text);
}

/** The result of a PromQL query, at a time in seconds since the epoch. @default now */
export async function metric(query: string, time?: number): Promise<{ metric: Record<string, string> }[]> {
  const at = time === undefined ? "" : `&time=${time}`;
  return (await json(`${urls.prometheus}/api/v1/query?query=${encodeURIComponent(query)}${at}`)).data.result;
}

/** The streams that a LogQL query finds in the last hour. */
export async function logs(
  query: string,
): Promise<{ stream: Record<string, string>; values: [string, string][] }[]> {
  const start = Math.floor(Date.now() / 1000) - 3_600;
  const url = `${urls.loki}/loki/api/v1/query_range?limit=1000&start=${start}&query=${
    encodeURIComponent(query)
  }`;
  return (await json(url)).data.result;
}

/** The services that have spans in a trace. */
export async function servicesInTrace(traceId: string): Promise<string[]> {
  const { trace } = await json(`${urls.tempo}/api/v2/traces/${traceId}`, {
    headers: { accept: "application/json" },
  });
  const names = (trace?.resourceSpans ?? []).map((spans: { resource: { attributes: Attribute[] } }) =>
    spans.resource.attributes.find(({ key }) => key === "service.name")?.value.stringValue
  );
  return [...new Set<string>(names)].sort();
}

interface Attribute {
  readonly key: string;
  readonly value: { readonly stringValue?: string };
}
