/** The workers' own HTTP endpoints. */
import * as z from "zod";
import type { Host } from "../host.ts";
import { parseExposition } from "./exposition.ts";
import { ask, Unreachable } from "./http.ts";

/** Counts thoughts whose result is stored. */
export const PROCESSED = "batch_processor_thoughts_processed_total";

export type Workers = ReturnType<typeof createWorkers>;

export function createWorkers({ host, urls }: { readonly host: Host; readonly urls: readonly string[] }) {
  /** Thoughts that all of them have processed. Prometheus would be up to 15 s behind. */
  async function processed(): Promise<number> {
    const texts = await Promise.all(
      urls.map(async (url) => (await ask(host, `${url}/metrics`)).text),
    );
    const samples = texts.flatMap((text) => [...parseExposition(text).values()])
      .flatMap((family) => family.samples).filter(({ name }) => name === PROCESSED);
    return samples.reduce((sum, { value }) => sum + value, 0);
  }

  /** @returns why a worker is not ready, in its own words; undefined when all are */
  async function trouble(): Promise<string | undefined> {
    if (urls.length === 0) return "no worker is running";
    const troubles = await Promise.all(urls.map(async (url) => {
      try {
        const { status, text } = await ask(host, `${url}/health/ready`);
        return status === 200 ? undefined : `the worker at ${url} is not ready: ${unready(text)}`;
      } catch (error) {
        if (error instanceof Unreachable) return error.message;
        throw error;
      }
    }));
    return troubles.find((trouble) => trouble !== undefined);
  }

  return { processed, trouble };
}

const Health = z.object({
  dependencies: z.record(z.string(), z.object({ status: z.string(), reason: z.string().optional() })),
});

/** The dependencies that are not up, with their reasons; the response itself if it has another shape. */
function unready(text: string): string {
  try {
    const { dependencies } = Health.parse(JSON.parse(text));
    const down = Object.entries(dependencies).filter(([, { status }]) => status !== "up");
    return down.map(([name, { status, reason }]) => `${name} ${status}${reason ? `, ${reason}` : ""}`).join(
      "; ",
    );
  } catch {
    return text.slice(0, 200);
  }
}
