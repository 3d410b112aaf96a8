/** The API over a real database, called without a socket; its log lines are kept. */
import { DATABASES, openTestDatabase } from "./databases.ts";
import { type Database, DatabaseUnavailableError } from "../../core/store/database.ts";
import { createReadiness } from "../../core/health.ts";
import { createHeartbeats } from "../../core/store/heartbeats.ts";
import { createLogger } from "../../core/telemetry/log.ts";
import { createMetrics, type Metrics } from "../../core/telemetry/metrics.ts";
import { createRetention } from "../../core/store/retention.ts";
import { createOperator } from "../../core/store/operator.ts";
import { createStore, type Store } from "../../core/store/thoughts.ts";
import { createWebhooks } from "../../core/store/webhooks.ts";
import type { AccessOptions } from "../../api/access.ts";
import { createApp, type Limits } from "../../api/app.ts";

export { DATABASES };

export interface TestApp extends AsyncDisposable {
  readonly database: Database;
  readonly store: Store;
  readonly metrics: Metrics<"api">;
  request(path: string, init?: RequestInit): Promise<Response>;
  /** Posts a thought, or anything else as the body. */
  post(body: unknown, headers?: Record<string, string>): Promise<Response>;
  /** Posts a thought that must be accepted. */
  accepted(text: string, userId?: string): Promise<string>;
  /** Sets a thought's status, as a worker would. */
  move(id: string, status: string): Promise<void>;
  /** Everything logged so far. */
  lines(): Record<string, unknown>[];
  /** The value of one series, as exposed. */
  metric(series: string): Promise<number | undefined>;
}

export interface TestAppOptions {
  /** `away` rejects every query, and opens at once. @default "pglite" */
  readonly kind?: "pglite" | "postgres" | "away";
  readonly limits?: Limits;
  readonly access?: AccessOptions;
  /** Replaces parts of the store, to make it fail. */
  readonly store?: Partial<Store>;
}

const refuse = () => Promise.reject(new DatabaseUnavailableError("PostgreSQL: connection refused"));
const AWAY: Database = {
  name: "away",
  query: refuse,
  read: refuse,
  transaction: refuse,
  ping: refuse,
  listen: () => ({ active: () => false, [Symbol.asyncDispose]: () => Promise.resolve() }),
  async [Symbol.asyncDispose]() {},
};

export async function openTestApp(
  { kind = "pglite", limits = {}, access = {}, store: part = {} }: TestAppOptions = {},
): Promise<TestApp> {
  let written = "";
  const log = createLogger({
    service: "thoughtprocessor-api",
    level: "DEBUG",
    write: (lines) => written += lines,
  });
  const database = kind === "away" ? AWAY : await openTestDatabase(kind);
  const store = { ...createStore(database), ...part };
  const metrics = createMetrics("api", "0.0.0");
  const readiness = createReadiness({ database: store.ping }, { log, maxAgeMs: 0 });
  const api = createApp({
    store,
    operator: createOperator(database),
    retention: createRetention(database),
    webhooks: createWebhooks(database),
    heartbeats: createHeartbeats(database),
    metrics,
    log,
    version: "0.0.0",
    readiness,
    limits,
    access,
  });
  const request = async (path: string, init?: RequestInit) => await api.app.request(path, init);
  const post = (body: unknown, headers: Record<string, string> = {}) =>
    request("/thoughts", {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify(body),
    });
  return {
    database,
    store,
    metrics,
    request,
    post,
    async accepted(text, userId = "ada") {
      const response = await post({ user_id: userId, text });
      const body = await response.json();
      if (response.status !== 201) throw new Error(`Not accepted: ${JSON.stringify(body)}`);
      return body.id;
    },
    async move(id, status) {
      const finished = status === "completed" || status === "failed" ? "now()" : "null";
      await database.query(
        `update thoughts set status = $2, attempts = 1, finished_at = ${finished} where id = $1::text::uuid`,
        [id, status],
      );
    },
    lines() {
      log.flush();
      return written.split("\n").filter(Boolean).map((line) => JSON.parse(line));
    },
    async metric(series) {
      const { body } = await metrics.expose();
      const line = body.split("\n").find((line) => line.startsWith(`${series} `));
      return line === undefined ? undefined : Number(line.slice(series.length));
    },
    async [Symbol.asyncDispose]() {
      await api[Symbol.asyncDispose]();
      await database[Symbol.asyncDispose]();
    },
  };
}
