/** The settings: every variable that a program reads, declared once. `config.ts` reads them. */
import { z } from "zod";
import { HORIZON_MS } from "./store/clock_skew.ts";
import { DEAD_TOPIC, GROUP, PARTITIONS, THOUGHTS_TOPIC } from "./queue/queue.ts";
import { parseRedisAddress } from "./cache/redis_address.ts";
import { parsePostgresAddress } from "./store/postgres_address.ts";
import { LEVELS } from "./telemetry/log.ts";

/** The programs that are configured; `deno task dev` runs them in one process. */
export const PROGRAMS = ["api", "worker", "webhooks"] as const;
export type Program = (typeof PROGRAMS)[number];

export interface Setting {
  /**
   * Who reads it. deno.json lets a program read these variables and no others (`deno task docs` writes the
   * lists).
   */
  readonly on: readonly Program[];
  readonly env: string;
  readonly schema: z.ZodType;
  /** What it is for, with its unit; shown in the README's table. */
  readonly help: string;
  /** Secrets may also come from the file that `<env>_FILE` names, and are never shown. */
  readonly secret?: true;
}

const port = (fallback: number) => z.coerce.number().int().min(0).max(65_535).default(fallback);
const count = (fallback: number, max = 1_000_000) =>
  z.coerce.number().int().min(1).max(max).default(fallback);
/** A limit that is set must let something through; unset means none. */
const limit = (amount: z.ZodNumber) => z.coerce.number().pipe(amount.positive()).optional();
/** An address that this function can parse; its error is the message. */
const address = (read: (url: string) => unknown) =>
  z.string().superRefine((url, context) => {
    try {
      read(url);
    } catch (error) {
      context.addIssue({
        code: "custom",
        message: error instanceof Error ? error.message : "is not an address",
      });
    }
  }).optional();
const days = z.coerce.number().min(0).max(36_500).default(0);
const flag = z.stringbool({ truthy: ["true", "1", "yes"], falsy: ["false", "0", "no"] }).default(false);
const name = z.string().min(1).optional();
const topic = (fallback: string) =>
  z.string().regex(/^[A-Za-z0-9._-]{1,200}$/, "must be letters, digits, ., _ and -").default(fallback);
const file = z.string().min(1).optional();
const secret = z.string().min(1).optional();

const ALL = PROGRAMS;
const BOTH = ["api", "worker"] as const;

export const SETTINGS = {
  databaseUrl: {
    on: ALL,
    env: "DATABASE_URL",
    schema: address(parsePostgresAddress),
    help: "PostgreSQL, as `postgres://user@host:5432/database`. Unset: PGlite in `DATA_DIR`.",
    secret: true,
  },
  databasePassword: {
    on: ALL,
    env: "DATABASE_PASSWORD",
    schema: secret,
    help: "Password for `DATABASE_URL`, where that has none.",
    secret: true,
  },
  kafkaBrokers: {
    on: ["worker"],
    env: "KAFKA_BROKERS",
    schema: z.string().transform((list) => list.split(",").map((broker) => broker.trim()))
      .pipe(z.array(z.string().regex(/^[^\s:]+:\d+$/, "must be host:port")).min(1)).optional(),
    help: "Kafka, as `host:port,…`. Unset: a queue inside the process.",
  },
  kafkaSaslMechanism: {
    on: ["worker"],
    env: "KAFKA_SASL_MECHANISM",
    schema: z.enum(["plain", "scram-sha-256", "scram-sha-512"]).optional(),
    help: "How workers log in to Kafka: `plain`, `scram-sha-256` or `scram-sha-512`. Unset: no login.",
  },
  kafkaUser: { on: ["worker"], env: "KAFKA_USER", schema: name, help: "User of that login." },
  kafkaPassword: {
    on: ["worker"],
    env: "KAFKA_PASSWORD",
    schema: secret,
    help: "Password of that login.",
    secret: true,
  },
  kafkaTls: {
    on: ["worker"],
    env: "KAFKA_TLS",
    schema: flag,
    help: "Whether connections to Kafka are encrypted.",
  },
  kafkaCaFile: {
    on: ["worker"],
    env: "KAFKA_CA_FILE",
    schema: file,
    help:
      "Certificate of the authority that signed the brokers' certificates, in PEM. Unset: the system's authorities.",
  },
  kafkaCertFile: {
    on: ["worker"],
    env: "KAFKA_CERT_FILE",
    schema: file,
    help: "Client certificate for Kafka, in PEM, where brokers require one; with `KAFKA_KEY_FILE`.",
  },
  kafkaKeyFile: {
    on: ["worker"],
    env: "KAFKA_KEY_FILE",
    schema: file,
    help: "Key of that certificate, in PEM.",
  },
  kafkaTopic: {
    on: ["worker"],
    env: "KAFKA_TOPIC",
    schema: topic(THOUGHTS_TOPIC),
    help: "Topic on which thoughts are announced.",
  },
  kafkaDeadTopic: {
    on: ["worker"],
    env: "KAFKA_DEAD_TOPIC",
    schema: topic(DEAD_TOPIC),
    help: "Topic of the dead letters.",
  },
  kafkaGroup: {
    on: ["worker"],
    env: "KAFKA_GROUP",
    schema: topic(GROUP),
    help: "Consumer group that the workers share.",
  },
  kafkaPartitions: {
    on: ["worker"],
    env: "KAFKA_PARTITIONS",
    schema: count(PARTITIONS, 1_000),
    help: "Partitions of the topic, if a worker creates it: at least as many as there will be workers.",
  },
  kafkaReplication: {
    on: ["worker"],
    env: "KAFKA_REPLICATION",
    schema: z.coerce.number().int().min(1).max(15).optional(),
    help: "Replicas of each partition, if a worker creates a topic. Unset: the broker's default.",
  },
  redisUrl: {
    on: BOTH,
    env: "REDIS_URL",
    schema: address(parseRedisAddress),
    help: "Redis, as `redis://host:6379`. Unset: a cache inside the process.",
    secret: true,
  },
  redisPassword: {
    on: BOTH,
    env: "REDIS_PASSWORD",
    schema: secret,
    help: "Password for `REDIS_URL`, where that has none.",
    secret: true,
  },
  redisCaFile: {
    on: BOTH,
    env: "REDIS_CA_FILE",
    schema: file,
    help:
      "Certificate of the authority that signed a `rediss://` server's certificate, in PEM. Unset: the system's authorities.",
  },
  deployment: {
    on: ALL,
    env: "DEPLOYMENT",
    schema: z.string().regex(/^[a-z][a-z0-9_]{0,30}$/, "must be lower-case letters, digits and _").optional(),
    help:
      "Name of this deployment, where several share servers: its schema in PostgreSQL, and the prefix of its Kafka " +
      "topics and group and its Redis keys.",
  },
  dataDir: {
    on: ALL,
    env: "DATA_DIR",
    schema: z.string().min(1).default(".data"),
    help: "Folder of the embedded database.",
  },
  apiHost: {
    on: ["api"],
    env: "API_HOST",
    schema: z.string().min(1).default("127.0.0.1"),
    help: "Address the API listens on.",
  },
  apiPort: { on: ["api"], env: "API_PORT", schema: port(8000), help: "Port of the API." },
  apiKeysFiles: {
    on: ["api"],
    env: "API_KEYS_FILE",
    schema: z.string().transform((list) => list.split(",").map((path) => path.trim()).filter(Boolean))
      .refine((paths) => paths.length > 0, "must name a file").optional(),
    help:
      "File of the API keys to accept, made with `deno task key NAME`; several with commas. Unset: no key is needed.",
  },
  allowAnonymous: {
    on: ["api"],
    env: "ALLOW_ANONYMOUS",
    schema: flag,
    help: "Whether an API without keys may listen on another address than loopback.",
  },
  allowedHosts: {
    on: ["api"],
    env: "ALLOWED_HOSTS",
    schema: z.string().default("localhost,127.0.0.1,[::1]").transform((list) =>
      list.split(",").map((host) => host.trim().toLowerCase()).filter(Boolean)
    ),
    help: "Host names that an API without keys accepts (the header `Host`). `*`: any.",
  },
  rateLimitPerMinute: {
    on: ["api"],
    env: "RATE_LIMIT_PER_MINUTE",
    schema: z.coerce.number().int().min(0).max(10_000_000).default(0),
    help: "Requests per minute under `/thoughts` for each key, or else each address. 0: no limit.",
  },
  logAddresses: {
    on: ["api"],
    env: "LOG_ADDRESSES",
    schema: flag,
    help: "Whether access lines in the log name the caller's address, an IPv6 one as its /64.",
  },
  trustProxy: {
    on: ["api"],
    env: "TRUST_PROXY",
    schema: flag,
    help: "Whether the last address in `X-Forwarded-For` is the caller's, as behind a reverse proxy.",
  },
  workerHost: {
    on: ["worker"],
    env: "WORKER_HOST",
    schema: z.string().min(1).default("127.0.0.1"),
    help: "Address of the worker's metrics and health.",
  },
  workerPort: {
    on: ["worker"],
    env: "WORKER_PORT",
    schema: port(8001),
    help: "Port of the worker's metrics and health.",
  },
  webhooksHost: {
    on: ["webhooks"],
    env: "WEBHOOKS_HOST",
    schema: z.string().min(1).default("127.0.0.1"),
    help: "Address of the metrics and health of the process that delivers webhooks.",
  },
  webhooksPort: {
    on: ["webhooks"],
    env: "WEBHOOKS_PORT",
    schema: port(8003),
    help: "Port of its metrics and health.",
  },
  webhookPrivateHosts: {
    on: ["api", "webhooks"],
    env: "WEBHOOK_PRIVATE_HOSTS",
    schema: z.string().default("").transform((list) =>
      list.split(",").map((host) => host.trim().toLowerCase().replace(/^\[|\]$/g, "")).filter(Boolean)
    ),
    help: "Hosts, with commas, that webhooks may reach in a private network, and over plain HTTP.",
  },
  webhookCaFile: {
    on: ["webhooks"],
    env: "WEBHOOK_CA_FILE",
    schema: file,
    help:
      "Certificate of an authority that signed receivers' certificates, in PEM; trusted beside the usual ones.",
  },
  webhookTimeoutMs: {
    on: ["webhooks"],
    env: "WEBHOOK_TIMEOUT_MS",
    schema: count(10_000, 60_000),
    help: "A receiver has this many milliseconds to accept an event.",
  },
  webhookRequestsPerHost: {
    on: ["webhooks"],
    env: "WEBHOOK_REQUESTS_PER_HOST",
    schema: count(8, 100),
    help: "Requests in progress to one receiving host.",
  },
  webhookRetryFirstMs: {
    on: ["webhooks"],
    env: "WEBHOOK_RETRY_FIRST_MS",
    schema: count(5_000),
    help:
      "Pause before an event's second attempt, in milliseconds; it doubles, with jitter, up to half an hour.",
  },
  webhookGiveUpAfterS: {
    on: ["webhooks"],
    env: "WEBHOOK_GIVE_UP_AFTER_S",
    schema: count(86_400, 2_592_000),
    help: "An event is given up when an attempt fails this many seconds after its thought ended.",
  },
  expectedWorkers: {
    on: ["worker"],
    env: "EXPECTED_WORKERS",
    schema: count(1, 10_000),
    help: "Workers that should be running; compared with those that are.",
  },
  logLevel: {
    on: ALL,
    env: "LOG_LEVEL",
    schema: z.enum(LEVELS).default("INFO"),
    help: "Lowest level that is logged.",
  },
  otlpEndpoint: {
    on: ALL,
    env: "OTEL_EXPORTER_OTLP_ENDPOINT",
    schema: z.url({ protocol: /^https?$/ }).optional(),
    help:
      "Where traces are sent: an OTLP receiver over HTTP, as `http://tempo:4318`. Unset: nothing is traced.",
  },
  traceRatio: {
    on: ALL,
    env: "OTEL_TRACES_SAMPLER_ARG",
    schema: z.coerce.number().min(0).max(1).default(1),
    help: "Share of new traces that are recorded, 0 to 1; a caller's own decision is respected.",
  },
  analyser: {
    on: ["worker"],
    env: "ANALYSER",
    schema: z.string().min(1).default("local"),
    help:
      "The analyser: `local`, `openai`, `none` (for benchmarks), `slow` (for drills), or one of your own in `worker/analysers/`.",
  },
  analyserTimeoutMs: {
    on: ["worker"],
    env: "ANALYSER_TIMEOUT_MS",
    schema: count(60_000),
    help: "An analysis is abandoned after this many milliseconds.",
  },
  analyserConcurrency: {
    on: ["worker"],
    env: "ANALYSER_CONCURRENCY",
    schema: count(8, 1_000),
    help: "Analyses in progress at once in a worker, where the analyser waits for something.",
  },
  analyserRequestsPerMinute: {
    on: ["worker"],
    env: "ANALYSER_REQUESTS_PER_MINUTE",
    schema: limit(z.int().max(10_000_000)),
    help: "Requests to the model per minute, over all workers. Unset: no limit.",
  },
  analyserTokensPerMinute: {
    on: ["worker"],
    env: "ANALYSER_TOKENS_PER_MINUTE",
    schema: limit(z.int().max(10_000_000_000)),
    help: "Tokens per minute, in and out, over all workers. Unset: no limit.",
  },
  analyserUsdPerDay: {
    on: ["worker"],
    env: "ANALYSER_USD_PER_DAY",
    schema: limit(z.number().max(1_000_000)),
    help: "USD to spend on models per day (UTC), over all workers; then thoughts wait. Unset: no limit.",
  },
  openaiBaseUrl: {
    on: ["worker"],
    env: "OPENAI_BASE_URL",
    schema: z.url({ protocol: /^https?$/ }).default("https://api.openai.com/v1"),
    help: "Any OpenAI-compatible endpoint.",
  },
  openaiModel: {
    on: ["worker"],
    env: "OPENAI_MODEL",
    schema: z.string().min(1).default("gpt-4.1-mini"),
    help: "Model to ask.",
  },
  openaiApiKey: {
    on: ["worker"],
    env: "OPENAI_API_KEY",
    schema: secret,
    help: "Key for that endpoint.",
    secret: true,
  },
  pricesFile: {
    on: ["worker"],
    env: "PRICES_FILE",
    schema: z.string().min(1).optional(),
    help: "JSON file of USD per million tokens by model; overrides the built-in table.",
  },
  batchSize: {
    on: ["worker"],
    env: "BATCH_SIZE",
    schema: count(1_000, 10_000),
    help:
      "Thoughts a worker may have in analysis at once, where the analyser never waits; also the most it claims together.",
  },
  partitionsAtOnce: {
    on: ["worker"],
    env: "PARTITIONS_AT_ONCE",
    schema: count(2, 64),
    help: "Batches of different partitions a worker handles at the same time.",
  },
  maxAttempts: {
    on: ["worker"],
    env: "MAX_ATTEMPTS",
    schema: count(5, 100),
    help: "Attempts before a thought fails.",
  },
  retryFirstMs: {
    on: ["worker"],
    env: "RETRY_FIRST_MS",
    schema: count(1_000),
    help: "Pause before the second attempt, in milliseconds; it doubles, with jitter.",
  },
  leaseMs: {
    on: ["worker"],
    env: "LEASE_MS",
    schema: count(30_000, HORIZON_MS),
    help:
      `A claim not renewed for this many milliseconds may be taken by another worker; at most ${HORIZON_MS}.`,
  },
  requeueAfterMs: {
    on: ["worker"],
    env: "REQUEUE_AFTER_MS",
    schema: count(30_000, 86_400_000),
    help: "The message of a waiting thought is not checked for loss before it is this many milliseconds old.",
  },
  reconcileEveryMs: {
    on: ["worker"],
    env: "RECONCILE_EVERY_MS",
    schema: count(5_000),
    help: "Pause between two checks for stale claims and lost messages, in milliseconds.",
  },
  retentionCompletedDays: {
    on: ["worker"],
    env: "RETENTION_COMPLETED_DAYS",
    schema: days,
    help: "Completed thoughts are deleted this many days after they ended. 0: never.",
  },
  databaseSizeLimitMb: {
    on: ["worker"],
    env: "DATABASE_SIZE_LIMIT_MB",
    schema: z.coerce.number().min(0).default(0),
    help: "What the database may hold in MB, of 1,000,000 bytes, to be alerted of beforehand. 0: no limit.",
  },
  retentionFailedDays: {
    on: ["worker"],
    env: "RETENTION_FAILED_DAYS",
    schema: days,
    help: "Failed thoughts are deleted this many days after they ended. 0: never.",
  },
  idempotencyKeyDays: {
    on: ["worker"],
    env: "IDEMPOTENCY_KEY_DAYS",
    schema: days,
    help: "An `Idempotency-Key` is deleted this many days after its thought was posted. 0: with its thought.",
  },
  cacheTtlS: {
    on: ["worker"],
    env: "CACHE_TTL_S",
    schema: count(86_400, 31_536_000),
    help: "A cached analysis lives this many seconds.",
  },
} as const satisfies Record<string, Setting>;
