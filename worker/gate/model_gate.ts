/**
 * The gate before a language model, one for all workers: it closes when the endpoint is down, refuses the key
 * or asks for a pause, lets one probe at a time test whether it is back, and enforces the rates and the day's
 * budget.
 */
import { HORIZON_MS } from "../../core/store/clock_skew.ts";
import type { FlowLimits, ModelFlow } from "../../core/store/model_flow.ts";
import type { Circuit, ClosedReason, ModelGates, Probe } from "../../core/store/model_gates.ts";
import { backoffMs, pause, repeat } from "../../core/retry.ts";
import { type Logger, reason } from "../../core/telemetry/log.ts";
import type { Metrics } from "../../core/telemetry/metrics.ts";
import type { Model } from "../analysers/analyser.ts";
import { PRICES_AS_OF } from "../analysers/prices.ts";
import type { Gate, GateState } from "../gate.ts";
import { createAdaptiveLanes } from "./adaptive_lanes.ts";
import { createLedger } from "./ledger.ts";
import { createModelMeter } from "./model_meter.ts";

export interface ModelGateOptions {
  readonly model: Model;
  readonly gates: ModelGates;
  readonly flow: ModelFlow;
  readonly limits: FlowLimits;
  /** Analyses at once in this process, at most. */
  readonly lanes: number;
  readonly metrics: Metrics<"worker">;
  readonly log: Logger;
}

/** How often each worker reads what the others have learned, and settles what it has used. */
const LOOK_MS = 1_000;
/** Failures in a row, of this process, that close the circuit: one 503 in twenty calls is not an outage. */
const FAILURES_TO_CLOSE = 3;
/**
 * Probes are this far apart at first and at most, which resumes work within 10 s of the endpoint's return.
 */
const PROBE_AFTER = { firstMs: 500, maxMs: 5_000 } as const;
/** Where only a person can help. */
const PROBE_AFTER_SLOW = { firstMs: 10_000, maxMs: 30_000 } as const;
/** A probe that hangs for this long is followed by another. */
const PROBE_LEASE_MS = 8_000;
/** A pause this long ends with a probe, not with all lanes at once. */
const LONG_PAUSE_MS = 10_000;
/** After a 429 that does not say for how long. */
const RATE_PAUSE = { firstMs: 1_000, maxMs: 60_000 } as const;
/** Reserved money is returned or spent within this; otherwise its worker died. */
const PROMISED_MS = 60_000;

export function createModelGate(options: ModelGateOptions): Gate {
  const { model, gates, flow, limits, log } = options;
  const metered = model.mostUsd > 0 || Object.values(limits).some((limit) => limit !== undefined);
  const lanes = createAdaptiveLanes(options.lanes);
  const meter = createModelMeter(options.metrics, model, limits);
  const ledger = createLedger({ ...model, usdPerDay: limits.usdPerDay });
  const stop = new AbortController();
  const { signal } = stop;

  let circuit: Circuit = { closure: null, blockedForMs: 0 };
  let circuitAt = performance.now();
  let blockedSince: number | null = null;
  let budgetShortSince: number | null = null;
  let budgetSpent = false;
  let probe: Probe | undefined;
  let underWay = 0;
  let failuresInRow = 0;
  let rateLimitsInRow = 0;
  let changed = Promise.withResolvers<void>();

  if (!model.priced) {
    log.info("the model has no price and counts as free; PRICES_FILE may name one", {
      model: model.name,
      prices_as_of: PRICES_AS_OF,
    });
  }
  // One statement at a time: a read that began before a change can't undo it.
  let last: Promise<unknown> = gates.probeNow().catch(() => {});
  const loop = repeat("model gate", { log, signal }, async () => {
    await inTurn(settle);
    await inTurn(look);
    return LOOK_MS;
  });

  return {
    async enter(most, entering) {
      for (let failures = 0;;) {
        if (entering.aborted || signal.aborted) return 0;
        let waitMs: number;
        try {
          const entered = await inTurn(() => tryEnter(most));
          if ("count" in entered) {
            underWay += entered.count;
            return entered.count;
          }
          waitMs = entered.waitMs;
          failures = 0;
        } catch (error) {
          log.warn("gate not read, trying again", { reason: reason(error) });
          waitMs = backoffMs(failures++, { firstMs: 200, maxMs: 5_000 });
        }
        await Promise.race([pause(Math.min(waitMs, PROBE_AFTER.maxMs), entering), changed.promise]);
      }
    },
    giveBack(count) {
      ended(count);
      if (metered) ledger.giveBack(count);
      endProbe((unused) => gates.probeEnded(unused, 0, "unused"));
    },
    report(ending) {
      ended(1);
      meter.ended(ending);
      ledger.end(ending.usage ?? (ending.kind === "unavailable" ? "none" : "unknown"));
      if (ending.kind === "unavailable") unavailable(ending.scope, ending.reason, ending.retryAfterMs);
      else if (ending.kind === "timeout") unavailable("outage", "no response in time");
      else {
        failuresInRow = 0;
        rateLimitsInRow = 0;
        if (ending.kind === "ok") lanes.succeeded();
        endProbe(async (through) => {
          await gates.open(through);
          await look();
        });
      }
    },
    state,
    lanes: () => lanes.value(),
    async [Symbol.asyncDispose]() {
      stop.abort();
      change();
      await loop;
      await inTurn(() => settle({ all: true })).catch((error) => {
        log.warn("spending not settled", { reason: reason(error) });
      });
    },
  };

  async function tryEnter(most: number): Promise<{ readonly count: number } | { readonly waitMs: number }> {
    const { closure } = circuit;
    const sinceMs = performance.now() - circuitAt;
    if (closure !== null) {
      if (closure.probeInMs > sinceMs) return { waitMs: closure.probeInMs - sinceMs };
      const reserved = await reserve(1);
      if ("waitMs" in reserved) return reserved;
      const due = await gates.probe(PROBE_LEASE_MS);
      if (due !== undefined) {
        probe = due;
        log.info("probing the model", { provider: model.provider, model: model.name, probe: due.number });
        return reserved;
      }
      ledger.giveBack(1);
      await look();
      return { waitMs: LOOK_MS };
    }
    if (circuit.blockedForMs > sinceMs) return { waitMs: circuit.blockedForMs - sinceMs };
    const room = lanes.value() < options.lanes ? lanes.value() - underWay : most;
    return room > 0 ? await reserve(Math.min(most, room)) : { waitMs: LOOK_MS };
  }

  function ended(count: number) {
    underWay = Math.max(0, underWay - count);
    if (lanes.value() < options.lanes) change(); // a caller may be waiting for this lane
  }

  async function reserve(most: number): Promise<{ readonly count: number } | { readonly waitMs: number }> {
    if (!metered) return { count: most };
    const left = ledger.begin(most);
    if (left > 0) return { count: left };
    const lease = await flow.lease(Math.max(most, lanes.value()), ledger.share());
    ledger.lease(lease.day, lease.count);
    budgetShortSince = lease.budget === "enough" ? null : budgetShortSince ?? Date.now();
    budgetSpent = lease.budget === "spent";
    const count = ledger.begin(most);
    return count > 0 ? { count } : { waitMs: lease.rateWaitMs || LOOK_MS };
  }

  function unavailable(scope: ClosedReason, said: string, retryAfterMs = 0) {
    const pauseMs = Math.min(retryAfterMs, HORIZON_MS);
    const slow = scope === "quota" || scope === "credentials";
    const after = slow ? PROBE_AFTER_SLOW : PROBE_AFTER;
    if (scope === "rate") rateLimited(said, pauseMs || backoffMs(rateLimitsInRow++, RATE_PAUSE));
    else {
      failuresInRow++;
      if (probe === undefined) {
        if (slow || failuresInRow >= FAILURES_TO_CLOSE || pauseMs >= LONG_PAUSE_MS) {
          close(scope, said, Math.max(pauseMs, after.firstMs));
        } else if (pauseMs > 0) block(pauseMs);
      }
    }
    endProbe(async (failed) => {
      const nextMs = Math.max(pauseMs, backoffMs(failed.failedBefore, after));
      await gates.close(scope, said, 0);
      await gates.probeEnded(failed, nextMs, "failed");
      await look();
    });
  }

  function rateLimited(said: string, pauseMs: number) {
    if (state().status === "open") lanes.limited();
    if (probe !== undefined) return;
    if (pauseMs >= LONG_PAUSE_MS) close("rate", said, pauseMs);
    else block(pauseMs);
  }

  /** Takes effect here at once, and for the others as soon as it is stored. */
  function close(scope: ClosedReason, said: string, probeInMs: number) {
    if (circuit.closure === null) {
      const closure = {
        number: 0,
        reason: scope,
        detail: said,
        since: Date.now(),
        probeInMs,
        probing: false,
      };
      learn({ ...circuit, closure });
    }
    later(async () => {
      await gates.close(scope, said, probeInMs);
      await look();
    });
  }

  function block(forMs: number) {
    const leftMs = circuit.blockedForMs - (performance.now() - circuitAt);
    if (forMs > leftMs) learn({ ...circuit, blockedForMs: forMs });
    later(() => gates.block(forMs));
  }

  function endProbe(end: (probe: Probe) => Promise<void>) {
    const over = probe;
    if (over === undefined) return;
    probe = undefined;
    later(() => end(over));
  }

  async function look() {
    if (budgetShortSince !== null && utcDay(budgetShortSince) !== utcDay(Date.now())) budgetShortSince = null;
    learn(await gates.read());
    if (metered) {
      meter.spentToday((await flow.today()).spentUsd);
    }
  }

  function learn(next: Circuit) {
    const before = circuit.closure;
    circuit = next;
    circuitAt = performance.now();
    if (next.blockedForMs === 0) blockedSince = null;
    else blockedSince ??= Date.now();
    const { provider, name } = model;
    if (before === null && next.closure !== null) {
      const { reason, detail, since } = next.closure;
      log.warn("the model is unavailable, analyses wait", {
        provider,
        model: name,
        reason,
        detail,
        since: new Date(since).toISOString(),
      });
    } else if (before !== null && next.closure === null) {
      failuresInRow = 0;
      log.info("the model is back", {
        provider,
        model: name,
        away_s: Math.round((Date.now() - before.since) / 1_000),
      });
    }
    change(); // also while it is closed: otherwise a caller would wait on one promise for hours
  }

  async function settle({ all = false } = {}) {
    const settled = ledger.settle({ all });
    for (const [at, day] of settled.entries()) {
      try {
        await flow.settle(day);
      } catch (error) {
        ledger.unsettle(settled.slice(at));
        throw error;
      }
    }
  }

  function state(): GateState {
    const limit = lanes.value();
    const sinceMs = performance.now() - circuitAt;
    const at = (ms: number) => Date.now() + Math.max(0, ms - sinceMs);
    const { closure, blockedForMs } = circuit;
    if (closure !== null) {
      const { reason, since, probing, probeInMs } = closure;
      const status = probing || probe !== undefined ? "probing" : "closed";
      return { status, reason, since, blockedUntil: at(probeInMs), limit };
    }
    if (blockedForMs > sinceMs) {
      return { status: "closed", reason: "rate", since: blockedSince, blockedUntil: at(blockedForMs), limit };
    }
    if (budgetShortSince !== null && (budgetSpent || Date.now() - budgetShortSince > PROMISED_MS)) {
      const tomorrow = new Date().setUTCHours(24, 0, 0, 0);
      return {
        status: "closed",
        reason: "budget",
        since: budgetShortSince,
        blockedUntil: tomorrow,
        limit,
      };
    }
    return { status: "open", reason: null, since: null, blockedUntil: null, limit };
  }

  function change() {
    changed.resolve();
    changed = Promise.withResolvers();
  }

  function inTurn<T>(step: () => Promise<T>): Promise<T> {
    const next = last.then(step);
    last = next.catch(() => {});
    return next;
  }

  /** A write that fails is not repeated: the next failures will close the gate again. */
  function later(step: () => Promise<void>) {
    inTurn(step).catch((error) => log.warn("the gate's state is not stored", { reason: reason(error) }));
  }
}

const utcDay = (ms: number) => Math.floor(ms / 86_400_000);
