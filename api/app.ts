/** The HTTP API, built from what it is given: no environment, no sockets. Tests call `app.request`. */
import { OpenAPIHono } from "@hono/zod-openapi";
import type { Context } from "hono";
import { createDeadline } from "../core/deadline.ts";
import { LIMITS } from "../core/thought.ts";
import type { Health } from "../core/health.ts";
import type { Heartbeats } from "../core/store/heartbeats.ts";
import type { Logger } from "../core/telemetry/log.ts";
import type { Metrics } from "../core/telemetry/metrics.ts";
import type { Operator } from "../core/store/operator.ts";
import type { Retention } from "../core/store/retention.ts";
import type { Store } from "../core/store/thoughts.ts";
import type { Webhooks } from "../core/store/webhooks.ts";
import { addressOf } from "./address.ts";
import { type AccessOptions, callerOf, guards } from "./access.ts";
import { addAlerts } from "./alerts.ts";
import { addBulk, type BulkOptions } from "./bulk.ts";
import { addDocs } from "./docs.ts";
import { addEvents, type EventsOptions } from "./events.ts";
import { createFeeds, type FeedsOptions } from "./feeds.ts";
import { securityHeaders } from "./headers.ts";
import { createIntake, type IntakeOptions } from "./intake.ts";
import { BAD_HOST_PATH, pathOf } from "./host.ts";
import { type Env, observe, startAtZero } from "./observe.ts";
import { addOperations } from "./operations.ts";
import { addOperator } from "./operator.ts";
import { createSampler, type SamplerOptions } from "./live/sampler.ts";
import { addPage } from "./live/route.tsx";
import { readPrefix } from "./prefix.ts";
import { answerProblem, Problem } from "./problem.ts";
import { addProblems } from "./problems.ts";
import { type App, createRoutes } from "./routes.ts";
import { addRunbooks } from "./runbooks.ts";
import { addThoughts } from "./thoughts.ts";
import { createWatch, type WatchOptions } from "./watch.ts";
import { addWebhook } from "./webhook.ts";

/** What the schema admits, each character as two `\\u` escapes, and its field names. */
export const BODY_BYTES = 12 * (LIMITS.textChars + LIMITS.contextChars + LIMITS.userIdChars) + 4 * 1024;

/** Every limit of the API; each has a default where it is declared. */
export interface Limits {
  /** Bytes of a thought's request. @default {@link BODY_BYTES} */
  readonly bodyBytes?: number;
  /** A body must have arrived within this. @default 10_000 */
  readonly bodyTimeoutMs?: number;
  readonly intake?: Omit<IntakeOptions, "insert" | "onBatch">;
  readonly bulk?: Pick<BulkOptions, "maxAtOnce">;
  readonly feeds?: Omit<FeedsOptions, "store" | "log">;
  readonly watch?: Omit<WatchOptions, "store" | "log">;
  readonly events?: Pick<EventsOptions, "deadlineMs" | "keepAliveMs">;
  readonly sampler?: Pick<SamplerOptions, "everyMs" | "idleMs">;
}

export interface AppOptions {
  readonly store: Store;
  readonly operator: Operator;
  readonly retention: Retention;
  readonly webhooks: Webhooks;
  /** Hosts that webhooks may reach in a private network. @default none */
  readonly webhookPrivateHosts?: readonly string[];
  /** Tells the live page of the workers. */
  readonly heartbeats: Pick<Heartbeats, "present">;
  readonly metrics: Metrics<"api">;
  readonly log: Logger;
  /** Shown in the OpenAPI document. */
  readonly version: string;
  readonly readiness: () => Promise<Health>;
  readonly limits?: Limits;
  /** @default every caller may do everything */
  readonly access?: AccessOptions;
  /** Whether access lines name the caller's address. @default false */
  readonly logAddresses?: boolean;
}

/** Makes the app. Disposing it ends its streams; inserts in progress finish. */
export function createApp(options: AppOptions): { readonly app: App } & AsyncDisposable {
  const {
    store,
    operator,
    retention,
    webhooks,
    webhookPrivateHosts = [],
    heartbeats,
    metrics,
    log,
    version,
    readiness,
    limits = {},
    access = {},
  } = options;
  const { trustProxy = false } = access;
  const body = {
    maxBytes: limits.bodyBytes ?? BODY_BYTES,
    deadline: createDeadline(limits.bodyTimeoutMs ?? 10_000, "the body"),
  };
  const watch = createWatch({ store, log, ...limits.watch });
  const feeds = createFeeds({ store, log, ...limits.feeds });
  const intake = createIntake({
    insert: store.insert,
    onBatch: (size) => metrics.thoughts_insert_batch_size.observe({ value: size, labels: {} }),
    ...limits.intake,
  });
  const sampler = createSampler({ metrics, store, heartbeats, log, ...limits.sampler });

  const app: App = new OpenAPIHono<Env>({ getPath: pathOf });
  const address = (c: Context) => addressOf(c, trustProxy);
  app.use(observe({ metrics, log, addressOf: options.logAddresses ? address : undefined }));
  app.use(securityHeaders());
  if (trustProxy) app.use(readPrefix);
  const answer = answerProblem(log);
  app.onError(answer);
  app.notFound((c) => answer(new Problem("route-not-found"), c));
  app.all(BAD_HOST_PATH, () => {
    throw new Problem("invalid-request", {
      errors: [{ field: "header.host", message: "must be one host name, with or without a port" }],
    });
  });

  const routes = createRoutes(app, guards(access));
  addBulk(routes, { store, intake, metrics, log, body, ...limits.bulk });
  addThoughts(routes, { store, retention, intake, metrics, log, body });
  addEvents(routes, { store, watch, feeds, callerOf: (c) => callerOf(c, trustProxy), ...limits.events });
  addWebhook(routes, { webhooks, privateHosts: webhookPrivateHosts, log, body });
  addOperator(routes, { operator, log, body });
  addAlerts(routes, { metrics, log, body });
  const monitored = addOperations(routes, { metrics, readiness, keys: access.keys });
  addDocs(app, routes, version);
  addRunbooks(routes);
  addProblems(routes);
  addPage(routes, { sampler, version, monitored });
  routes.refuseOtherMethods();
  startAtZero(metrics, routes.declared);

  return {
    app,
    [Symbol.asyncDispose]() {
      watch[Symbol.dispose]();
      feeds[Symbol.dispose]();
      sampler[Symbol.dispose]();
      return Promise.resolve();
    },
  };
}
