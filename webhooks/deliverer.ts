/** The deliverer: takes due events from the store, sends each to its receiver, and settles how that ended. */
import { within } from "../core/deadline.ts";
import { backoffMs, createAlarm, repeat } from "../core/retry.ts";
import {
  type Deliveries,
  type Delivery,
  MAX_PAUSE_MS,
  type Room,
  type Waiting,
} from "../core/store/deliveries.ts";
import { type Logger, reason } from "../core/telemetry/log.ts";
import type { Metrics } from "../core/telemetry/metrics.ts";
import { isSampled } from "../core/telemetry/traceparent.ts";
import { endSpan, failSpan, openSpan, SpanKind } from "../core/telemetry/tracing.ts";
import { eventBody } from "./event.ts";
import { createHosts, type Hosts, share } from "./hosts.ts";
import type { Reply, Send } from "./request.ts";
import { signatureHeaders } from "./signature.ts";

export interface DelivererOptions {
  readonly deliveries: Deliveries;
  readonly send: Send;
  readonly metrics: Metrics<"webhooks">;
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** How long one request may take, in milliseconds. */
  readonly timeoutMs: number;
  readonly requestsPerHost: number;
  /** Pause before the second attempt, in milliseconds; it doubles. */
  readonly retryFirstMs: number;
  /** An attempt that fails so long after the thought's end is the last, in milliseconds. */
  readonly giveUpAfterMs: number;
}

/** Between two polls when nothing is due: while the database notifies, and while it cannot. */
const IDLE_MS = { notified: 5_000, polling: 500 };
/** What is left of a claim after its request, to settle it. */
const SETTLE_MS = 5_000;
/** Gone: the receiver wants this event never again. */
const GONE = 410;
/** A stop waits this long for requests in progress; below the process's own deadline. */
const STOP_GRACE_MS = 15_000;
const TIDY_EVERY_MS = 60_000;
const GIVE_UP_AT_ONCE = 1_000;

/**
 * Runs until the signal aborts, and then until the requests in progress have ended; survives outages of the
 * database and of every receiver.
 */
export async function runDeliverer(options: DelivererOptions): Promise<void> {
  const { deliveries, send, metrics, log, signal, timeoutMs, requestsPerHost } = options;
  const { retryFirstMs, giveUpAfterMs } = options;
  const hosts = createHosts({ perHost: requestsPerHost });
  const inProgress = new Set<Promise<void>>();
  const alarm = createAlarm();
  const written = deliveries.onWritten(alarm.ring);
  let turn = 0;

  const delivering = repeat("delivering", { log, signal, wait: alarm.wait }, async () => {
    const waiting = await known(deliveries.waiting, [metrics.webhook_overdue_seconds]);
    hosts.keep(new Set(waiting.map(hostOf)));
    show(waiting);
    const rooms = roomsOf(waiting.filter(({ dueMs }) => dueMs <= 0), hosts, turn++);
    const taken = rooms.length === 0 ? [] : await deliveries.take(rooms, timeoutMs + SETTLE_MS);
    for (const delivery of taken) start(delivery);
    if (taken.length > 0) return 0;
    // Where a host has no room, the end of a request rings.
    const nextMs = waiting.map((one) => Math.max(one.dueMs, hosts.pauseMs(hostOf(one)))).filter((ms) =>
      ms > 0
    );
    return Math.min(...nextMs, written.active() ? IDLE_MS.notified : IDLE_MS.polling);
  });

  const tidying = repeat("tidying events", { log, signal, maxBackoffMs: TIDY_EVERY_MS }, async () => {
    const { pending, oldestS } = await known(async () => {
      await deliveries.tidy();
      return await deliveries.backlog();
    }, [metrics.webhook_pending, metrics.webhook_oldest_pending_seconds]);
    metrics.webhook_pending.set(pending);
    metrics.webhook_oldest_pending_seconds.set(oldestS);
    // Events of a paused host are rarely tried, so that they would not end by themselves.
    const paused = (await deliveries.waiting()).filter((one) => hosts.isPaused(hostOf(one)));
    const count = await deliveries.giveUp(paused.map(({ flow }) => flow), giveUpAfterMs, GIVE_UP_AT_ONCE);
    if (count > 0) {
      metrics.webhook_given_up_total.inc(count);
      log.warn("webhook events given up, their hosts do not respond", { events: count });
    }
    return count >= GIVE_UP_AT_ONCE ? 0 : TIDY_EVERY_MS;
  });

  function start(delivery: Delivery): void {
    const host = hostOf(delivery);
    hosts.begin(host);
    const done = attempt(delivery, host)
      .then((reply) => hosts.end(host, works(reply)))
      .finally(() => {
        inProgress.delete(done);
        alarm.ring();
      });
    inProgress.add(done);
  }

  async function attempt(delivery: Delivery, host: string): Promise<Reply> {
    const { id, attempt, url, secrets, traceparent, endedAt } = delivery;
    const body = eventBody(delivery);
    const span = isSampled(traceparent)
      ? openSpan("POST webhook", {
        kind: SpanKind.CLIENT,
        parent: traceparent,
        // The path of a webhook's URL may hold a secret.
        attributes: { "http.request.method": "POST", "server.address": host, "webhook.attempt": attempt },
      })
      : undefined;
    const reply = await send(url, {
      headers: signatureHeaders({ id, atMs: Date.now(), body, secrets }),
      body,
      attempt,
    });
    metrics.webhook_attempts_total.inc({ outcome: reply.outcome });
    if (span !== undefined) {
      if (reply.outcome !== "accepted") failSpan(span, reply.outcome);
      endSpan(span);
    }
    try {
      if (reply.outcome === "accepted") {
        metrics.webhook_delay_seconds.observe({ value: (Date.now() - endedAt) / 1_000, labels: {} });
        await deliveries.accepted(delivery);
      } else await miss(delivery, host, reply);
    } catch (error) {
      // The claim runs out, and the event is sent once more, under the same id.
      log.warn("webhook event not settled, it will be sent again", { event_id: id, reason: reason(error) });
    }
    return reply;
  }

  async function miss(
    delivery: Delivery,
    host: string,
    reply: Exclude<Reply, { outcome: "accepted" }>,
  ): Promise<void> {
    const { id, attempt, flow, thoughtId, endedAt } = delivery;
    const asked = reply.outcome === "rejected" ? reply.retryAfterMs : 0;
    const backoff = backoffMs(attempt - 1, { firstMs: retryFirstMs, maxMs: MAX_PAUSE_MS });
    const over = Date.now() - endedAt >= giveUpAfterMs ||
      (reply.outcome === "rejected" && reply.status === GONE);
    const pauseMs = over ? null : Math.min(MAX_PAUSE_MS, Math.max(backoff, asked));
    await deliveries.missed(delivery, { error: reply.error, pauseMs });
    if (over) metrics.webhook_given_up_total.inc();
    log[over ? "warn" : "info"](over ? "webhook event given up" : "webhook event not accepted", {
      event_id: id,
      thought_id: thoughtId,
      flow,
      host,
      attempt,
      reason: reply.error,
      pause_ms: pauseMs,
    });
  }

  function show(waiting: readonly Waiting[]): void {
    const overdue = waiting.filter((one) => !hosts.isPaused(hostOf(one))).map(({ dueMs }) => -dueMs);
    metrics.webhook_overdue_seconds.set(Math.max(0, ...overdue) / 1_000);
    metrics.webhook_hosts_paused.set(hosts.paused());
  }

  await Promise.all([delivering, tidying]);
  await written[Symbol.asyncDispose]();
  await within(STOP_GRACE_MS, "Receivers", Promise.all(inProgress)).catch(() => {
    log.warn("stopping, requests in progress will be repeated", { events: inProgress.size });
  });
}

/** Reads from the store; while that fails, the gauges of what it says are absent. */
async function known<T>(read: () => Promise<T>, gauges: readonly { remove(): void }[]): Promise<T> {
  try {
    return await read();
  } catch (error) {
    for (const gauge of gauges) gauge.remove();
    throw error;
  }
}

/** A server that fails, or asks for a pause, gets one. Any other status is about one webhook, not about its host. */
function works(reply: Reply): boolean {
  if (reply.outcome !== "rejected") return reply.outcome === "accepted";
  return reply.status < 500 && reply.status !== 429;
}

function hostOf({ url }: { readonly url: string }): string {
  return new URL(url).host;
}

/** How many events of each flow may be taken now. */
function roomsOf(due: readonly Waiting[], hosts: Hosts, turn: number): Room[] {
  let free = hosts.free();
  return [...Map.groupBy(due, hostOf)].flatMap(([host, webhooks]) => {
    const room = Math.min(free, hosts.room(host));
    free -= room;
    const shares = share(webhooks.map(({ flow }) => flow), room, turn);
    return [...shares].map(([flow, room]) => ({ flow, room }));
  });
}
