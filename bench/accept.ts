/** How fast thoughts are accepted, each one committed before its response. */
import type { Seen } from "./load_generator.ts";
import type { MeasuredProcess } from "./measured_process.ts";

export interface Acceptance extends Seen {
  readonly perSecond: number;
  /** CPU time of the API for a thousand thoughts, in milliseconds: comparable also on a busy machine. */
  readonly cpuMsPer1000: number;
  readonly peakMemoryBytes: number;
}

export interface AcceptOptions {
  readonly seconds: number;
  readonly warmUpS: number;
  readonly connections: number;
  /** Give each thought an Idempotency-Key. @default false */
  readonly idempotent?: boolean;
}

const GENERATOR = new URL("load_generator.ts", import.meta.url).pathname;

/** Puts an API under load and measures it. @throws {Error} when it refuses anything */
export async function measureAcceptance(api: MeasuredProcess, options: AcceptOptions): Promise<Acceptance> {
  const { seconds, warmUpS, connections, idempotent = false } = options;
  const { hostname, port } = new URL(api.url);
  const cpuBefore = api.cpuS();
  const { stdout, success } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--quiet", "--allow-net", GENERATOR, hostname, port],
      ...[connections, warmUpS, seconds].map(String),
      ...(idempotent ? ["idempotent"] : []),
    ],
    stderr: "inherit",
  }).output();
  if (!success) throw new Error("The load generator failed");
  const seen = JSON.parse(new TextDecoder().decode(stdout)) as Seen;
  if (seen.refused > 0) throw new Error(`The API refused ${seen.refused} thoughts under load`);
  return {
    ...seen,
    perSecond: seen.accepted / seen.seconds,
    cpuMsPer1000: (api.cpuS() - cpuBefore) / (seen.accepted + seen.warmUp) * 1e6,
    peakMemoryBytes: api.peakMemoryBytes(),
  };
}
