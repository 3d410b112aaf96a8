/** `deno task dev` under load: API, worker, database, queue and cache in one process. */
import { waitFor } from "../tests/support/wait.ts";
import { type Acceptance, type AcceptOptions, measureAcceptance } from "./accept.ts";
import type { Stores } from "./stores.ts";
import { startMeasuredProcess } from "./measured_process.ts";

export interface Embedded extends Acceptance {
  /** From the first post to the last result. */
  readonly completedPerSecond: number;
}

export async function measureEmbedded(stores: Stores, options: AcceptOptions): Promise<Embedded> {
  await using measured = await startMeasuredProcess({
    portVariable: "API_PORT",
    args: ["-P=dev", "dev.ts"],
    env: stores.env,
  });
  const startedAt = performance.now();
  const seen = await measureAcceptance(measured, options);
  await waitFor("every thought has its result", async () => {
    const open = await Promise.all(["pending", "processing"].map(async (status) => {
      const page = await (await fetch(`${measured.url}/thoughts?status=${status}&limit=1`)).json();
      return page.thoughts.length as number;
    }));
    return open.every((count) => count === 0);
  }, { timeoutMs: 300_000 });
  const seconds = (performance.now() - startedAt) / 1_000;
  return { ...seen, completedPerSecond: (seen.accepted + seen.warmUp) / seconds };
}
