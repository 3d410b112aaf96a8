/**
 * The canary's process. It is configured by flags alone, and may read no variable:
 *
 *     canary/main.ts --api=http://api:8000 [--worker=URL] [--tempo=URL] [--loki=URL] [--otlp=URL] [--key-file=PATH]
 *       [--every=60] [--analyser=local] [--paid-every=3600] [--host=0.0.0.0] [--port=8002]
 */
import "../core/no_environment.ts";
import { parseArgs } from "node:util";
import { z } from "zod";
import manifest from "../deno.json" with { type: "json" };
import { runProcess } from "../core/process.ts";
import { createLogger } from "../core/telemetry/log.ts";
import { startCanary } from "./canary.ts";

/** Analysers whose analyses cost nothing. */
const FREE = ["local", "none", "slow"];

const url = z.url({ protocol: /^https?$/ });
const seconds = z.coerce.number().int().min(1).max(86_400);
const Flags = z.strictObject({
  "api": url,
  "worker": url.optional(),
  "tempo": url.optional(),
  "loki": url.optional(),
  /** Where API and workers send their traces: traces that go elsewhere are not looked for in that Tempo. */
  "otlp": url.optional(),
  /** Has one API key. An API that wants none ignores it. */
  "key-file": z.string().optional(),
  "every": seconds.default(60),
  "analyser": z.string().default("local"),
  "paid-every": seconds.default(3_600),
  "host": z.string().default("127.0.0.1"),
  "port": z.coerce.number().int().min(0).max(65_535).default(8002),
});

const log = createLogger({ service: "canary", level: "INFO" });

await runProcess(log, (stack) => {
  const flags = Flags.parse(values());
  const keyFile = flags["key-file"];
  const { api, worker, loki, otlp } = flags;
  const tempo = flags.tempo && otlp && hostOf(otlp) === hostOf(flags.tempo) ? flags.tempo : undefined;
  const canary = stack.use(startCanary({
    api,
    worker,
    tempo,
    loki,
    key: keyFile === undefined ? undefined : () => Deno.readTextFileSync(keyFile).trim(),
    everyMs: flags.every * 1_000,
    paidEveryMs: FREE.includes(flags.analyser) ? undefined : flags["paid-every"] * 1_000,
    hostname: flags.host,
    port: flags.port,
    version: manifest.version,
    log,
  }));
  log.info("canary started", { metrics: canary.url, api });
  return Promise.resolve({ failed: new Promise<never>(() => {}) });
});

function hostOf(url: string): string {
  return new URL(url).hostname;
}

/** Flags as given; an empty one counts as not given. */
function values(): Record<string, string> {
  const options = Object.fromEntries(
    Object.keys(Flags.shape).map((name) => [name, { type: "string" as const }]),
  );
  const { values } = parseArgs({ args: Deno.args, options });
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value)) as Record<string, string>;
}
