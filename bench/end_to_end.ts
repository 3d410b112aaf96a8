/** The whole path of a thought, from the moment its POST was due to its stored result, at fixed rates. */
import postgres from "postgres";
import { waitFor } from "../tests/support/wait.ts";
import type { MeasuredProcess } from "./measured_process.ts";
import { postAtRate, type Rate } from "./open_loop.ts";

/** Latencies in milliseconds, of thoughts posted at a rate. */
export interface EndToEnd {
  readonly perSecond: number;
  readonly thoughts: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
}

/**
 * A rate is sustained if the backlog at its end, in the workers or in the generator, is less than this much
 * of it.
 */
const LEFT_OVER_S = 1;

/** @throws {Error} when a thought was refused */
export async function measureEndToEnd(
  api: MeasuredProcess,
  databaseUrl: string,
  { perSecond, seconds }: Rate,
): Promise<EndToEnd & { readonly sustained: boolean }> {
  const sql = postgres(databaseUrl, { max: 1, fetch_types: false, onnotice() {} });
  const unfinished = async () => {
    const [row] = await sql.unsafe<{ n: number }[]>(
      "select count(*)::int as n from thoughts where finished_at is null",
    );
    return row!.n;
  };
  try {
    const { accepted, ...posted } = await postAtRate(api.url, { perSecond, seconds });
    const left = await unfinished();
    const sustained = left < perSecond * LEFT_OVER_S && posted.seconds < seconds + LEFT_OVER_S;
    await waitFor("every thought has its result", async () => await unfinished() === 0, {
      timeoutMs: 120_000,
    });
    const rows = await sql.unsafe<{ id: string; at: number }[]>(
      "select id, extract(epoch from finished_at)::float8 * 1000 as at from thoughts",
    );
    const finishedAt = new Map(rows.map(({ id, at }) => [id, at]));
    const latencies = accepted.map(([id, dueAt]) => finishedAt.get(id)! - dueAt).sort((a, b) => a - b);
    const percentile = (p: number) =>
      latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * p))]!;
    return {
      perSecond,
      thoughts: latencies.length,
      p50Ms: percentile(0.5),
      p95Ms: percentile(0.95),
      p99Ms: percentile(0.99),
      sustained,
    };
  } finally {
    await sql.end();
  }
}
