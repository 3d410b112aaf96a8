/**
 * The start step of API and worker: prints the hosts that they may reach, for `--allow-net`: those of their
 * permission set in deno.json and those that their settings name. A process then reaches what it is
 * configured for, and nothing else.
 *
 *     deno run -P=worker --allow-net="$(deno run -P=start core/reachable_hosts.ts worker)" worker/main.ts
 */
import { type Config, ConfigError, loadConfig, manifest } from "./config.ts";
import { type Program, PROGRAMS } from "./settings.ts";

/** Hosts that these settings name, with their ports, and those that are always permitted. */
export function reachableHosts(
  config: Config,
  programs: readonly Program[],
  permitted: readonly string[],
): string[] {
  const hosts = new Set<string>();
  const add = (url: string | undefined) => {
    for (const host of hostsOf(url)) hosts.add(host);
  };
  add(config.databaseUrl);
  add(config.redisUrl);
  add(config.otlpEndpoint);
  if (programs.includes("api")) hosts.add(bracketed(config.apiHost));
  if (programs.includes("worker")) {
    hosts.add(bracketed(config.workerHost));
    for (const broker of config.kafkaBrokers ?? []) hosts.add(broker);
    if (config.analyser === "openai") add(config.openaiBaseUrl);
  }
  const covered = (host: string) => permitted.some((name) => host === name || host.startsWith(`${name}:`));
  return [...permitted, ...[...hosts].filter((host) => !covered(host))];
}

const DEFAULT_PORTS: Readonly<Record<string, string>> = {
  "http:": "80",
  "https:": "443",
  "postgres:": "5432",
  "postgresql:": "5432",
  "redis:": "6379",
  "rediss:": "6379",
};

/** PostgreSQL's addresses may name several hosts, which is not a URL. */
function hostsOf(url: string | undefined): string[] {
  const [, protocol = "", authority = ""] = /^([a-z]+:)\/\/([^/?#]*)/.exec(url ?? "") ?? [];
  const named = authority.slice(authority.lastIndexOf("@") + 1).split(",").filter((host) => host !== "");
  return named.map((host) => /:\d+$/.test(host) ? host : `${host}:${DEFAULT_PORTS[protocol] ?? "0"}`);
}

const bracketed = (host: string) => host.includes(":") && !host.startsWith("[") ? `[${host}]` : host;

if (import.meta.main) {
  const [set = ""] = Deno.args;
  const programs = PROGRAMS.filter((program) => set === "dev" || program === set);
  const { net } = manifest.permissions[set as "api" | "worker" | "dev"];
  // deno-lint-ignore no-console -- its output is what it is for
  console.log(hosts(programs, net).join(","));
}

function hosts(programs: readonly Program[], permitted: readonly string[]): readonly string[] {
  try {
    return reachableHosts(loadConfig({ programs }), programs, permitted);
  } catch (error) {
    if (error instanceof ConfigError) return permitted; // the program itself reports what is wrong
    throw error;
  }
}
