/** The benchmark's results for a person. */
import type { UsagePer1000 } from "./database_server.ts";
import type { Growth } from "./soak.ts";
import type { Durations, Size } from "./growth.ts";
import type { Idle } from "./idle.ts";
import type { Scale } from "./scaling.ts";
import type { Cost } from "./costs.ts";
import type { Results } from "./suite.ts";

interface Machine {
  readonly cpus: number;
  readonly model: string;
  readonly deno: string;
  readonly loadBefore: number | undefined;
  readonly loadAfter: number | undefined;
}

type Row = readonly [what: string, measured: string, aim?: string];

/** @returns lines of "what, measured, aim" */
export function table({ machine, ...results }: Results & { readonly machine: Machine }): string {
  const {
    embedded,
    api,
    apiIdempotent,
    workers,
    models,
    endToEnd,
    scaling,
    peers,
    soak,
    growth,
    profiles,
    pgbench,
    scrape,
    scrapeIdle,
    idle,
    costs,
  } = results;
  const rows: Row[] = [
    ["machine", `${machine.cpus} × ${machine.model}, Deno ${machine.deno}`],
    ["load average", `${machine.loadBefore?.toFixed(1)} before, ${machine.loadAfter?.toFixed(1)} after`],
    ["stores", results.stores],
  ];
  if (embedded) {
    rows.push(
      ["accepted, worker in the same process", perSecond(embedded.perSecond)],
      ["completed", perSecond(embedded.completedPerSecond)],
      ["latency p50 / p95 / p99", latencies(embedded)],
      ["memory", megabytes(embedded.peakMemoryBytes)],
    );
  }
  if (api) {
    rows.push(
      ["API: accepted", perSecond(api.perSecond), "12,000 /s"],
      ["API: latency p50 / p95 / p99", latencies(api), "p95 10 ms"],
      ["API: CPU for 1,000 thoughts", milliseconds(api.cpuMsPer1000)],
      ["API: peak memory", megabytes(api.peakMemoryBytes), "150 MB"],
    );
  }
  if (apiIdempotent) {
    rows.push(
      ["API with Idempotency-Key: accepted", perSecond(apiIdempotent.perSecond)],
      ["API with Idempotency-Key: CPU for 1,000 thoughts", milliseconds(apiIdempotent.cpuMsPer1000)],
    );
  }
  for (const [analyser, { fromKafka, fromOutbox }] of Object.entries(workers ?? {})) {
    const aim = analyser === "none" ? "20,000 /s" : undefined;
    rows.push(
      [`worker (${analyser}): completed from Kafka`, perSecond(fromKafka.perSecond), aim],
      [`worker (${analyser}): completed from the outbox, relay included`, perSecond(fromOutbox.perSecond)],
      [`worker (${analyser}): CPU for 1,000 thoughts`, milliseconds(fromKafka.cpuMsPer1000)],
      [`worker (${analyser}): peak memory`, megabytes(fromKafka.peakMemoryBytes), "200 MB"],
    );
  }
  for (const rate of endToEnd?.rates ?? []) {
    rows.push([
      `POST to completed at ${perSecond(rate.perSecond)}, ${endToEnd!.workers} workers, p50 / p95 / p99`,
      latencies(rate),
      rate.perSecond === 100 ? "p50 12, p99 60 ms" : undefined,
    ]);
  }
  if (endToEnd) rows.push(["sustained", perSecond(endToEnd.sustainedPerSecond), "6,000 /s"]);
  for (const [name, scales] of Object.entries(scaling ?? {})) {
    for (const { processes, ...scale } of scales as readonly Scale[]) {
      rows.push([
        `scaling, ${processes} × ${name === "apis" ? "API" : "worker"}`,
        `${perSecond(scale.perSecond)}; for 1,000: ${milliseconds(scale.cpuMsPer1000)}, PostgreSQL ${
          usage(scale.database)
        }`,
      ]);
    }
  }
  if (soak) {
    const grown = ({ mb, mbPerHour, plusMinus }: Growth) =>
      `${mb.toFixed(0)} MB, ${mbPerHour >= 0 ? "+" : ""}${mbPerHour.toFixed(1)} ± ${
        plusMinus.toFixed(1)
      } MB an hour`;
    const name = `soak, ${soak.minutes} minutes at ${perSecond(soak.perSecond)}`;
    rows.push([`${name}: API`, grown(soak.api), "flat"], [`${name}: worker`, grown(soak.worker), "flat"]);
  }
  for (const [name, peer] of Object.entries(peers ?? {})) {
    rows.push(
      [
        `${name}: accepted, completed`,
        `${perSecond(peer.acceptedPerSecond)}, ${perSecond(peer.completedPerSecond)}`,
      ],
      [
        `${name}: POST to result at 100/s, p50 / p99`,
        `${peer.p50Ms.toFixed(1)} / ${peer.p99Ms.toFixed(1)} ms`,
      ],
      [
        `${name}: for 1,000 thoughts`,
        `${milliseconds(peer.cpuMsPer1000)}, PostgreSQL ${usage(peer.database)}`,
      ],
      [`${name}: peak memory, API and worker`, megabytes(peer.peakMemoryBytes)],
    );
  }
  for (const { name, small, large } of growth?.operations ?? []) {
    rows.push([
      `growth: ${name}, p50 / p95 with ${sizeOf(growth!.small)}`,
      `${pair(small)}; with ${sizeOf(growth!.large)}: ${pair(large)} ` +
      `(× ${(large.p50Ms / small.p50Ms).toFixed(2)} / ${(large.p95Ms / small.p95Ms).toFixed(2)})`,
      "× 1.2 / 2",
    ]);
  }
  for (const [of, { picture }] of Object.entries(profiles ?? {})) {
    rows.push([`profile of the ${of}`, picture]);
  }
  for (const { clients, batch, database, ...run } of pgbench ?? []) {
    rows.push([
      `PostgreSQL alone, ${clients} client${clients === 1 ? "" : "s"}, ${batch} at once`,
      `${perSecond(run.perSecond)}; for 1,000: ${usage(database)}`,
    ]);
  }
  for (const run of models ?? []) {
    const name = `model, ${run.workers} worker${run.workers === 1 ? "" : "s"}, ${run.lanes} lanes`;
    rows.push(
      [`${name}: lanes busy while work waits`, percent(run.lanesBusy), "95 %"],
      [
        `${name}: completed, of the ideal`,
        `${run.perSecond.toFixed(2)} of ${run.idealPerSecond.toFixed(2)} /s (${
          percent(run.perSecond / run.idealPerSecond)
        })`,
      ],
      [`${name}: wait of users with one thought, p50 / p95`, waits(run.waits.others), "p95 3 s"],
      [`${name}: thoughts begun before theirs meanwhile, p95`, String(run.waits.others.p95Ahead)],
      [`${name}: wait of the user with ${run.greedy}, p50 / p95`, waits(run.waits.greedy)],
      [`${name}: calls, of these errors`, `${run.calls}, ${run.errors}`],
      [`${name}: paid twice, sent again, failed`, `${run.paidTwice}, ${run.sentAgain}, ${run.failed}`, "0"],
      [
        `${name}: results again after an outage of ${run.outageS} s`,
        `${run.resumedAfterS.toFixed(1)} s`,
        "10 s",
      ],
    );
  }
  if (scrape) {
    rows.push([
      `scrape of ${scrape.series} series under load, p50 / p95`,
      `${scrape.p50Ms.toFixed(1)} / ${scrape.p95Ms.toFixed(1)} ms`,
      "5 ms",
    ]);
  }
  if (scrapeIdle) {
    rows.push([
      `scrape of ${scrapeIdle.series} series, no load, p50 / p95`,
      `${scrapeIdle.p50Ms.toFixed(1)} / ${scrapeIdle.p95Ms.toFixed(1)} ms`,
    ]);
  }
  if (idle) {
    const share = ({ cpu, memoryBytes }: Idle) => `${percent(cpu)} of a core, ${megabytes(memoryBytes)}`;
    rows.push(["API without requests", share(idle.api), "0.5 %"]);
    rows.push(["worker without thoughts, the busiest of three", share(idle.worker), "1 %"]);
  }
  for (const [name, { api, workers }] of Object.entries(costs ?? {})) {
    const ofWorkers = Object.entries(workers).map(([analyser, of]) => `worker (${analyser}) ${cost(of)}`);
    rows.push([`CPU for 1,000 thoughts, ${name}`, [`API ${cost(api)}`, ...ofWorkers].join(", ")]);
  }
  const width = Math.max(...rows.map(([what]) => what.length));
  return rows.map(([what, measured, aim]) =>
    `${what.padEnd(width)}  ${measured}${aim ? `  (aim: ${aim})` : ""}`
  )
    .join("\n");
}

const sizeOf = ({ stored, waiting }: Size) => `${count(stored)} stored, ${count(waiting)} waiting`;
const count = (value: number) => value.toLocaleString("en");
const pair = ({ p50Ms, p95Ms }: Durations) => `${p50Ms.toFixed(1)} / ${p95Ms.toFixed(1)} ms`;
const perSecond = (value: number) => `${Math.round(value).toLocaleString("en")} /s`;
const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
const waits = ({ p50S, p95S }: { p50S: number; p95S: number }) => `${p50S.toFixed(1)} / ${p95S.toFixed(1)} s`;
const usage = (given: UsagePer1000 | undefined) =>
  given === undefined
    ? "not known"
    : `${milliseconds(given.cpuMs)}, ${(given.walBytes / 1e6).toFixed(2)} MB of log`;
const milliseconds = (value: number) => `${value.toFixed(0)} ms`;
const megabytes = (bytes: number) => `${Math.round(bytes / 1e6)} MB`;
const cost = ({ msPer1000, ratio, lowest, highest }: Cost) =>
  `${msPer1000.toFixed(0)} ms (× ${ratio.toFixed(2)}, ${lowest.toFixed(2)} to ${highest.toFixed(2)})`;
const latencies = ({ p50Ms, p95Ms, p99Ms }: { p50Ms: number; p95Ms: number; p99Ms: number }) =>
  `${p50Ms.toFixed(1)} / ${p95Ms.toFixed(1)} / ${p99Ms.toFixed(1)} ms`;
