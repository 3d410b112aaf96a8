/** Our programs as the benchmark starts them, and the database that they begin with. */
import postgres from "postgres";
import manifest from "../deno.json" with { type: "json" };
import { type MeasuredProcess, startMeasuredProcess } from "./measured_process.ts";
import type { Stores } from "./stores.ts";

/** A variant's program and environment. */
export interface Variant {
  readonly env: Readonly<Record<string, string>>;
  readonly sampled: number;
  readonly withoutMetrics?: true;
  /** More of `deno run`'s. @default none */
  readonly flags?: readonly string[];
}

/** `none` returns a constant, to measure the pipeline alone. */
export const ANALYSERS = ["none", "local"] as const;

export function startApi(stores: Stores, variant?: Variant): Promise<MeasuredProcess> {
  return start("api", "API_PORT", stores, variant);
}

export function startWorker(stores: Stores, variant?: Variant): Promise<MeasuredProcess> {
  return start("worker", "WORKER_PORT", stores, variant);
}

/** Starts a program as its task does, flags included. */
function start(
  task: "api" | "worker",
  portVariable: "API_PORT" | "WORKER_PORT",
  stores: Stores,
  variant?: Variant,
): Promise<MeasuredProcess> {
  // The stores are on this machine, which the permission set allows; what the task's shell would compute is
  // omitted.
  const args = manifest.tasks[task].command.replaceAll(/"[^"]*\$\([^"]*"/g, "").split(" ").filter(Boolean)
    .slice(2);
  args.splice(-1, 0, ...variant?.flags ?? []);
  if (variant?.withoutMetrics) args.splice(-1, 0, "-A", "bench/without_metrics.ts");
  return startMeasuredProcess({ portVariable, args, env: { ...stores.env, ...variant?.env } });
}

/** Empties the database: a worker then starts without the thoughts that the API accepted. */
export async function forget(databaseUrl: string): Promise<void> {
  const sql = postgres(databaseUrl, { max: 1, fetch_types: false, onnotice() {} });
  await sql.unsafe(`do $$ begin
    if to_regclass('thoughts') is not null then truncate thoughts, outbox, dead_letters; end if;
  end $$`);
  await sql.end();
}
