import * as z from "zod/mini";
import type { Host } from "../host.ts";
import { ask, Unreachable } from "./http.ts";

/** Counts thoughts whose result is stored. */
export const PROCESSED = "batch_processor_thoughts_processed_total";

/** The workers' own HTTP endpoints. */
export class Workers {
  constructor(private readonly host: Host, private readonly urls: readonly string[]) {}

  /** Thoughts processed by all of them, read from themselves: Prometheus would be up to 15 s behind. */
  async processed(): Promise<number> {
    const texts = await Promise.all(
      this.urls.map(async (url) => (await ask(this.host, `${url}/metrics`)).text),
    );
    const samples = texts.flatMap((
      text,
    ) => [...text.matchAll(new RegExp(`^${PROCESSED}(?:\\{.*\\})? (\\S+)`, "gm"))]);
    return samples.reduce((sum, [, value]) => sum + Number(value), 0);
  }

  /** @returns why a worker cannot work, as it says itself; undefined when all say that they can */
  async trouble(): Promise<string | undefined> {
    if (this.urls.length === 0) return "no worker runs";
    const troubles = await Promise.all(this.urls.map(async (url) => {
      try {
        const { status, text } = await ask(this.host, `${url}/health/ready`);
        return status === 200 ? undefined : `the worker at ${url} is not ready: ${unready(text)}`;
      } catch (error) {
        if (error instanceof Unreachable) return error.message;
        throw error;
      }
    }));
    return troubles.find((trouble) => trouble !== undefined);
  }
}

const Health = z.object({
  dependencies: z.record(z.string(), z.object({ status: z.string(), reason: z.optional(z.string()) })),
});

/** The dependencies that are not up, with their reasons; the answer itself when it has another shape. */
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
