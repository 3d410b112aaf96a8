/**
 * What the processes and exporters of a stack report while something in it is broken, served for a real
 * Prometheus.
 */

/** Seconds of the stack's time that pass in one of ours. */
export const SPEED = 15;

/** What is broken, as far as it shows in metrics. */
export interface StackState {
  /** Jobs or instances that do not answer a scrape. */
  down: string[];
  /** Workers that exist. */
  workers: number;
  /** Dependencies that no process reaches: database, queue, cache. */
  unreachable: string[];
  /** The API alone is cut off from its stores; workers reach them. */
  apiCutOff: boolean;
  /** Why the gate before the model is closed. */
  gate: string | undefined;
  /** Partitions of which nothing is committed although messages wait. */
  stuck: readonly number[];
  /** Share of each disk that is free. */
  disks: Record<string, number>;
}

export interface FakeStackMetrics extends AsyncDisposable {
  readonly state: StackState;
  /** The job's scrape configuration, at the pace of {@linkcode SPEED}. */
  scrapeConfig(job: string, component: string): unknown;
}

const PARTITIONS = [0, 1, 2, 3, 4, 5];
const GATE_REASONS = ["outage", "rate", "quota", "credentials", "budget", "paused"];
/** Thoughts per second, in the stack's time. */
const RATE = 5;

export function serveStackMetrics(): FakeStackMetrics {
  const state: StackState = {
    down: [],
    workers: 3,
    unreachable: [],
    apiCutOff: false,
    gate: undefined,
    stuck: [],
    disks: { "/dev/sda1": 0.5, "/dev/sdb1": 0.5 },
  };
  const count = { accepted: 0, refused: 0, processed: 0, hits: 0, misses: 0 };
  /** How long thoughts have not been processed, in the stack's seconds. */
  let standing = 0;
  let stuckFor = 0;
  let last = performance.now();

  function advance() {
    const now = performance.now();
    const seconds = (now - last) / 1_000 * SPEED;
    last = now;
    const database = !state.unreachable.includes("database");
    const works = database && !state.unreachable.includes("queue") && state.gate === undefined &&
      state.workers > 0;
    if (accepts() && !state.down.includes("thoughtprocessor-api")) count.accepted += RATE * seconds;
    else count.refused += RATE * seconds;
    if (works) count.processed += RATE * seconds;
    if (works && !state.unreachable.includes("cache")) count.hits += RATE / 2 * seconds;
    if (works) count.misses += RATE / 2 * seconds;
    standing = works ? 0 : standing + seconds;
    stuckFor = state.stuck.length > 0 ? stuckFor + seconds : 0;
  }

  const accepts = () => !state.unreachable.includes("database") && !state.apiCutOff;

  /** The canary passes over a model that is unavailable, and waits for everything else. */
  function canary(): string[] {
    const accepted = accepts() && !state.down.includes("thoughtprocessor-api");
    const completed = accepted && !state.unreachable.includes("queue") && state.workers > 0;
    return [
      `canary_success ${completed ? 1 : 0}`,
      ...accepted ? ['canary_step_seconds{step="accepted"} 0.01'] : [],
      ...completed ? ['canary_step_seconds{step="completed"} 0.1'] : [],
    ];
  }

  const up = (dependency: string) => state.unreachable.includes(dependency) ? 0 : 1;
  const jobs: Record<string, (instance: string) => string[]> = {
    "thoughtprocessor-api": () => [
      `http_requests_total{method="POST",route="/thoughts",status="201"} ${count.accepted}`,
      `http_requests_total{method="POST",route="/thoughts",status="503"} ${count.refused}`,
      ...buckets(
        "http_request_duration_seconds",
        ["1.0", "2.0"],
        'method="POST",route="/thoughts",status="201"',
        count.accepted,
      ),
      `app_dependency_up{dependency="database"} ${accepts() ? 1 : 0}`,
      "app_resident_memory_bytes 1e8",
    ],
    "kafka-worker": (instance) => {
      const share = count.processed / 3;
      const known = up("database") === 1;
      const active = Number(instance.slice(1)) <= state.workers && up("queue") === 1 ? 1 : 0;
      return [
        `batch_processor_active_workers ${active}`,
        "batch_processor_expected_workers 3",
        "batch_processor_vanished_workers 0",
        ...known
          ? [
            `batch_processor_oldest_waiting_seconds{priority="interactive"} ${Math.max(standing, stuckFor)}`,
            `batch_processor_outbox_age_seconds ${up("queue") === 1 ? 0 : standing}`,
          ]
          : [],
        `batch_processor_thoughts_processed_total ${share}`,
        "batch_processor_thoughts_failed_total 0",
        'batch_processor_retries_total{reason="timeout"} 0',
        ...buckets("batch_processor_processing_duration_seconds", ["30.0", "60.0"], "", share),
        ...buckets("batch_processor_end_to_end_seconds", ["60.0"], 'priority="interactive"', share),
        `batch_processor_cache_hits_total ${count.hits / 3}`,
        `batch_processor_cache_misses_total ${count.misses / 3}`,
        ...["database", "queue", "cache"].map((name) =>
          `app_dependency_up{dependency="${name}"} ${up(name)}`
        ),
        ...GATE_REASONS.map((reason) =>
          `batch_processor_gate_closed{reason="${reason}"} ${state.gate === reason ? 1 : 0}`
        ),
        'batch_processor_database_info{datname="thoughts"} 1',
        "app_resident_memory_bytes 1e8",
      ];
    },
    canary,
    postgres: () => [
      `pg_up ${up("database")}`,
      ...up("database")
        ? ['pg_database_size_bytes{datname="thoughts"} 1e8', "pg_stat_database_numbackends 9"]
        : [],
    ],
    redis: () => [`redis_up ${up("cache")}`, ...up("cache") ? ["redis_memory_used_bytes 1e6"] : []],
    kafka: () =>
      PARTITIONS.flatMap((partition) => {
        const labels = `consumergroup="batch-processor",topic="thoughts",partition="${partition}"`;
        const stands = state.stuck.includes(partition) || standing > 0;
        return [
          `kafka_topic_partition_current_offset{topic="thoughts",partition="${partition}"} ${
            count.accepted / 6
          }`,
          ...state.workers > 0
            ? [
              `kafka_consumergroup_lag{${labels}} ${stands ? 7 : 0}`,
              `kafka_consumergroup_current_offset{${labels}} ${stands ? 100 : count.processed / 6}`,
            ]
            : [],
        ];
      }),
    node: () =>
      Object.entries(state.disks).flatMap(([device, free]) => [
        `node_filesystem_avail_bytes{device="${device}",fstype="ext4",mountpoint="/"} ${free * 1e9}`,
        `node_filesystem_size_bytes{device="${device}",fstype="ext4",mountpoint="/"} 1e9`,
      ]),
  };

  const instancesOf = (job: string) => job === "kafka-worker" ? ["w1", "w2", "w3"] : [job];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request): Response => {
    advance();
    const [, kind, job = "", instance = ""] = new URL(request.url).pathname.split("/");
    if (kind === "targets") {
      // Names resolve to containers that exist.
      const there = job === "kafka-worker" ? instancesOf(job).slice(0, state.workers) : instancesOf(job);
      return Response.json(there.map((name) => ({
        targets: [new URL(request.url).host],
        labels: { __metrics_path__: `/metrics/${job}/${name}`, instance: name },
      })));
    }
    if (state.down.includes(job) || state.down.includes(instance)) return new Response("", { status: 500 });
    const lines = jobs[job]?.(instance) ?? ["some_metric 1"];
    return new Response(lines.join("\n") + "\n", {
      headers: { "content-type": "text/plain; version=0.0.4" },
    });
  });

  return {
    state,
    scrapeConfig: (job, component) => ({
      job_name: job,
      http_sd_configs: [{
        url: `http://127.0.0.1:${server.addr.port}/targets/${job}`,
        refresh_interval: "1s",
      }],
      relabel_configs: [{ target_label: "component", replacement: component }],
    }),
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

/** A histogram in which everything is quicker than its first bound. */
function buckets(name: string, bounds: readonly string[], labels: string, value: number): string[] {
  const within = labels === "" ? "" : `${labels},`;
  return [
    ...[...bounds, "+Inf"].map((le) => `${name}_bucket{${within}le="${le}"} ${value}`),
    `${name}_count{${labels}} ${value}`,
    `${name}_sum{${labels}} ${value / 100}`,
  ];
}
