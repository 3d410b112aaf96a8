/** A Prometheus for adopted services, quick to scrape. */
import { join } from "node:path";
import { parse, stringify } from "yaml";
import { freePort } from "../support/free_port.ts";
import { waitFor } from "../support/wait.ts";

export const PROMETHEUS = Deno.env.get("PROMETHEUS") ?? "prometheus";

/** One line of a graph. */
export interface Course {
  readonly metric: Readonly<Record<string, string>>;
  readonly values: readonly (readonly [number, string])[];
}

/**
 * A real Prometheus with the files that were written; a container's name for this machine is its loopback
 * here.
 */
export async function startPrometheus(extensions: string, names: readonly string[]) {
  const dir = await Deno.makeTempDir();
  const port = freePort();
  const jobs = await Promise.all(names.map(async (name) => {
    const text = await Deno.readTextFile(join(extensions, "scrape", `${name}.yml`));
    return parse(text.replaceAll("host.docker.internal", "127.0.0.1")).scrape_configs;
  }));
  await Deno.writeTextFile(
    join(dir, "prometheus.yml"),
    stringify({
      global: { scrape_interval: "1s", scrape_timeout: "1s", evaluation_interval: "1s" },
      rule_files: [join(extensions, "rules", "*.yml")],
      scrape_configs: jobs.flat(),
    }),
  );
  const child = new Deno.Command(PROMETHEUS, {
    args: [
      `--config.file=${dir}/prometheus.yml`,
      `--storage.tsdb.path=${dir}/data`,
      `--web.listen-address=127.0.0.1:${port}`,
      "--enable-feature=exemplar-storage",
      "--log.level=error",
    ],
    stdout: "null",
    stderr: "null",
  }).spawn();
  const ask = async (path: string, params: Record<string, string> = {}) => {
    const response = await fetch(`http://127.0.0.1:${port}/api/v1/${path}?${new URLSearchParams(params)}`);
    return (await response.json()).data;
  };
  await waitFor("Prometheus", () => ask("status/config"));
  return {
    values: async (query: string): Promise<number[]> =>
      (await ask("query", { query })).result.map(({ value }: { value: [number, string] }) =>
        Number(value[1])
      ),
    /** The courses of a query over the last seconds: its labels and, at each step, its value. */
    range: async (query: string, seconds: number, stepS: number): Promise<Course[]> => {
      const end = Date.now() / 1_000;
      const window = { start: `${end - seconds}`, end: `${end}`, step: `${stepS}` };
      return (await ask("query_range", { query, ...window })).result;
    },
    exemplars: async (query: string): Promise<string[]> => {
      const now = Date.now() / 1_000;
      const found = await ask("query_exemplars", { query, start: `${now - 120}`, end: `${now + 5}` });
      return found.flatMap(({ exemplars }: { exemplars: { labels: { trace_id: string } }[] }) =>
        exemplars.map(({ labels }) => labels.trace_id)
      );
    },
    rules: async (): Promise<{ name: string; health: string; lastError?: string; state: string }[]> =>
      (await ask("rules")).groups.flatMap(({ rules }: { rules: unknown[] }) => rules),
    async [Symbol.asyncDispose]() {
      child.kill("SIGTERM");
      await child.status;
      await Deno.remove(dir, { recursive: true });
    },
  };
}
