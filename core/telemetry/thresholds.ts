/**
 * The limits, once. Dashboards colour and draw them, the alert rules compare with them (a test keeps the two
 * equal), and the launcher and the live page read them here.
 */

export interface Threshold {
  readonly title: string;
  /**
   * `ratio` is 0 to 1; the others are SI: seconds, bytes (1 MB = 1,000,000), US dollars, or a plain count.
   */
  readonly unit: "ratio" | "seconds" | "bytes" | "usd" | "count";
  /** `above`: more than the value is bad. `below`: less than the value is bad. */
  readonly bad: "above" | "below";
  readonly warn: number;
  /** Absent if it never exceeds a warning. */
  readonly critical?: number;
  /** The alert that fires on it. Without one the threshold only colours. */
  readonly alert?: string;
}

const MB = 1_000_000;

export const THRESHOLDS = {
  apiErrorRatio: {
    title: "API requests that fail",
    unit: "ratio",
    bad: "above",
    warn: 0.01,
    critical: 0.05,
    alert: "ApiErrorsHigh",
  },
  apiP95: {
    title: "API latency, 95th percentile",
    unit: "seconds",
    bad: "above",
    warn: 1,
    critical: 2,
    alert: "ApiSlow",
  },
  webhooksOverdue: {
    title: "Time that a due webhook event waits for its turn",
    unit: "seconds",
    bad: "above",
    warn: 300,
    alert: "WebhooksLate",
  },
  webhooksGivenUp: {
    title: "Webhook events given up in an hour",
    unit: "count",
    bad: "above",
    warn: 0,
    alert: "WebhooksGivenUp",
  },
  consumerLag: {
    title: "Messages the workers are behind",
    unit: "count",
    bad: "above",
    warn: 100,
    critical: 1_000,
    alert: "ConsumerLagHigh",
  },
  cacheHitRatio: {
    title: "Analyses found in the cache",
    unit: "ratio",
    bad: "below",
    warn: 0.2,
    alert: "CacheHitsLow",
  },
  processingP95: {
    title: "Processing time, 95th percentile",
    unit: "seconds",
    bad: "above",
    warn: 30,
    critical: 60,
    alert: "ProcessingSlow",
  },
  activeWorkers: {
    title: "Workers in the consumer group",
    unit: "count",
    bad: "below",
    warn: 3,
    critical: 1,
    alert: "WorkersMissing",
  },
  oldestWaiting: {
    title: "Age of the oldest thought that waits",
    unit: "seconds",
    bad: "above",
    warn: 120,
    critical: 300,
    alert: "OldestThoughtWaiting",
  },
  outboxAge: {
    title: "Age of the oldest message in the outbox",
    unit: "seconds",
    bad: "above",
    warn: 60,
    critical: 300,
    alert: "OutboxStuck",
  },
  deadLetters: {
    title: "Dead letters in 15 minutes",
    unit: "count",
    bad: "above",
    warn: 0,
    alert: "DeadLetters",
  },
  targetsDown: { title: "Targets that Prometheus cannot scrape", unit: "count", bad: "above", warn: 0 },
  alertsFiring: { title: "Alerts firing", unit: "count", bad: "above", warn: 0 },
  unfinishedThoughts: {
    title: "Thoughts not finished",
    unit: "count",
    bad: "above",
    warn: 100,
    critical: 1_000,
  },
  processStarts: {
    title: "Starts of one process in an hour",
    unit: "count",
    bad: "above",
    warn: 3,
    alert: "ProcessRestarting",
  },
  databaseConnections: {
    title: "PostgreSQL connections",
    unit: "count",
    bad: "above",
    warn: 50,
    critical: 80,
    alert: "DatabaseConnectionsHigh",
  },
  databaseSize: {
    title: "Database size, as a share of its limit",
    unit: "ratio",
    bad: "above",
    warn: 0.8,
    critical: 0.95,
    alert: "DatabaseSizeHigh",
  },
  databaseSizeForecast: {
    title: "Database size in three days, at the current rate, as a share of its limit",
    unit: "ratio",
    bad: "above",
    warn: 1,
    alert: "DatabaseFullSoon",
  },
  redisMemory: {
    title: "Redis memory",
    unit: "bytes",
    bad: "above",
    warn: 100 * MB,
    alert: "RedisMemoryHigh",
  },
  apiMemory: {
    title: "API resident memory",
    unit: "bytes",
    bad: "above",
    warn: 500 * MB,
    alert: "ApiMemoryHigh",
  },
  workerMemory: {
    title: "Worker resident memory",
    unit: "bytes",
    bad: "above",
    warn: 1_000 * MB,
    alert: "WorkerMemoryHigh",
  },
  eventLoopLag: {
    title: "Lag of an event loop, 99th percentile",
    unit: "seconds",
    bad: "above",
    warn: 0.5,
    alert: "EventLoopBlocked",
  },
  retryRatio: {
    title: "Attempts that are retried",
    unit: "ratio",
    bad: "above",
    warn: 0.25,
    alert: "RetriesHigh",
  },
  costPerHour: {
    title: "Cost of language models in an hour",
    unit: "usd",
    bad: "above",
    warn: 1,
    critical: 10,
    alert: "CostHigh",
  },
  gateClosed: { title: "Analyses that may not begin", unit: "count", bad: "above", warn: 0 },
  lanesBusy: {
    title: "Busy lanes",
    unit: "ratio",
    bad: "above",
    warn: 0.95,
    alert: "LanesFull",
  },
  modelBadRatio: {
    title: "Unusable responses of the model",
    unit: "ratio",
    bad: "above",
    warn: 0.25,
    alert: "ModelAnswersBad",
  },
  modelPaused: {
    title: "Share of the time that the model has us pause",
    unit: "ratio",
    bad: "above",
    warn: 0.9,
    alert: "ModelThrottled",
  },
  budgetSpent: {
    title: "Share of the day's budget spent",
    unit: "ratio",
    bad: "above",
    warn: 0.8,
    alert: "BudgetNearlySpent",
  },
  transactionAge: {
    title: "Age of an open transaction",
    unit: "seconds",
    bad: "above",
    warn: 300,
    alert: "TransactionOpenLong",
  },
  checkpointsForced: {
    title: "Checkpoints forced by a full write-ahead log",
    unit: "ratio",
    bad: "above",
    warn: 0.5,
    alert: "CheckpointsForced",
  },
  transactionsUnfrozen: {
    title: "Transactions since a database was last frozen",
    unit: "count",
    bad: "above",
    warn: 1_000_000_000,
    critical: 1_500_000_000,
    alert: "WraparoundNear",
  },
  certificateLifetime: {
    title: "Time until a certificate expires",
    unit: "seconds",
    bad: "below",
    warn: 14 * 86_400,
    critical: 3 * 86_400,
    alert: "CertificateExpiring",
  },
  diskFree: {
    title: "Free space on a disk",
    unit: "ratio",
    bad: "below",
    warn: 0.15,
    critical: 0.05,
    alert: "DiskAlmostFull",
  },
} as const satisfies Record<string, Threshold>;

/** A 95th percentile of fewer events is the slowest of them. */
export const MIN_QUANTILE_EVENTS = 20;

/** A forecast needs this many samples, three hours of them at a scrape every 15 s. */
export const MIN_FORECAST_SAMPLES = 720;

/** Below this many lookups per second the cache's hit ratio means nothing. */
export const MIN_CACHE_LOOKUPS_PER_S = 0.1;

/** How a value compares with its threshold. */
export type Level = "ok" | "warn" | "critical";

export function levelOf(
  value: number,
  { bad, warn, critical }: Pick<Threshold, "bad" | "warn" | "critical">,
): Level {
  const beyond = (limit: number) => bad === "above" ? value > limit : value < limit;
  if (critical !== undefined && beyond(critical)) return "critical";
  return beyond(warn) ? "warn" : "ok";
}

export type ThresholdName = keyof typeof THRESHOLDS;

export interface Objective {
  readonly title: string;
  /** Share of events that must be good over `SLO_PERIOD`. */
  readonly target: number;
  /** What makes an event good, as a sentence. */
  readonly good: string;
  /** The limit a good event stays within, in seconds, where there is one. */
  readonly withinSeconds?: number;
}

/** Service level objectives by the `slo` label of the rules in config/prometheus/slo.yml. */
export const OBJECTIVES = {
  "api-availability": {
    title: "API availability",
    target: 0.99,
    good: "A request under /thoughts gets a response other than a 5xx. A scrape counts as a request.",
  },
  "api-latency": {
    title: "API latency",
    target: 0.95,
    good: "A successful request under /thoughts completes within 1 s.",
    withinSeconds: 1,
  },
  "processing-success": {
    title: "Processing success",
    target: 0.99,
    good: "A thought ends completed, not failed.",
  },
  "completion": {
    title: "Completion",
    target: 0.95,
    good: "A thought is completed within 60 s of being posted, unless its priority is `batch`.",
    withinSeconds: 60,
  },
  freshness: {
    title: "Freshness",
    target: 0.99,
    good: "A minute in which the workers know how long thoughts wait, and none has waited longer than 5 min.",
    withinSeconds: 300,
  },
  canary: {
    title: "Canary",
    target: 0.99,
    good:
      "A minute in which the canary's last thought came through every part, or waits for a model that is unavailable.",
  },
} as const satisfies Record<string, Objective>;

/** Error budgets are counted over this long; Prometheus must keep at least as much. */
export const SLO_PERIOD = "30d";

/**
 * Multi-window, multi-burn-rate alerting: an alert needs the budget to burn faster than `rate` over the long
 * window (enough is at stake) and over the short one (it is still happening). Factors and windows are those
 * of the SRE Workbook, chapter 5, table 5-8.
 */
export const BURN_RATES = [
  { alert: "ErrorBudgetBurningFast", long: "1h", short: "5m", rate: 14.4 },
  { alert: "ErrorBudgetBurningFast", long: "6h", short: "30m", rate: 6 },
  { alert: "ErrorBudgetBurningSlow", long: "1d", short: "2h", rate: 3 },
  { alert: "ErrorBudgetBurningSlow", long: "3d", short: "6h", rate: 1 },
] as const;

/** The share of a long window that has to have been measured: in a young stack it would be a short one. */
export const MIN_WINDOW_SHARE = 0.5;

/** Fewer bad events than this do not alert: one failure at night is not an outage. */
export const MIN_BAD_EVENTS = 10;
