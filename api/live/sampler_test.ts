import assert from "node:assert/strict";
import { createLogger } from "../../core/telemetry/log.ts";
import { createMetrics } from "../../core/telemetry/metrics.ts";
import { waitFor } from "../../tests/support/wait.ts";
import { openTestApp } from "../../tests/support/test_app.ts";
import type { Heartbeat } from "../../core/store/heartbeats.ts";
import { noticeOf } from "./notice.ts";
import { countsByBound, quantile } from "./quantile.ts";
import { createSampler, type Sample } from "./sampler.ts";
import { GATE_REASONS } from "../../worker/gate.ts";
import { TILES } from "./tiles.ts";

const log = createLogger({ service: "test", write: () => {} });

/** A system whose clock, workers and backlog the test sets. */
function system() {
  const metrics = createMetrics("api", "0.0.0");
  const state = { now: 0, waiting: 0, workers: [] as Parameters<typeof worker>[], asked: 0 };
  const sampler = createSampler({
    metrics,
    store: {
      waiting: (most) => {
        state.asked++;
        return Promise.resolve(Math.min(most, state.waiting));
      },
    },
    heartbeats: { present: () => Promise.resolve(state.workers.map((given) => worker(...given))) },
    log,
    everyMs: 1,
    now: () => state.now,
  });
  /** Waits for a sample at this time. */
  const at = (now: number) => {
    state.now = now;
    return waitFor(
      `a sample at ${now}`,
      () => Promise.resolve(sampler.read().findLast((sample) => sample.at === now)),
      {
        everyMs: 1,
      },
    );
  };
  return { metrics, state, sampler, at };
}

function worker(
  id: string,
  seenAtMs: number,
  processed: number,
  cacheHits = 0,
  cacheMisses = 0,
  active = true,
  gate: Heartbeat["gate"] = { status: "open", reason: null, since: null },
) {
  return { id, seenAtMs, processed, failed: 0, cacheHits, cacheMisses, active, expected: 3, gate };
}

Deno.test("the sampler turns growing counts into rates, over the workers that were there all along", async () => {
  const { metrics, state, sampler, at } = system();
  using _ = sampler;
  state.workers = [["a", 0, 1_000, 10, 10], ["b", 0, 500], ["late", 0, 5]];
  const first = await at(0);
  assert.deepEqual([first.accepted, first.processed, first.p95, first.cacheHits], [null, null, null, null]);
  assert.deepEqual([first.workers, first.expectedWorkers], [3, 3]);

  metrics.thoughts_accepted_total.inc(50);
  state.waiting = 7;
  // One worker continued, one was replaced, one has not joined yet, and one's next heartbeat is late.
  state.workers = [["a", 5_000, 1_100, 40, 20], ["c", 5_000, 9_999], ["d", 5_000, 0, 0, 0, false], [
    "late",
    0,
    5,
  ]];
  const second = await at(5_000);
  assert.equal(second.accepted, 10);
  assert.equal(second.processed, 20);
  assert.equal(second.cacheHits, 0.75);
  assert.equal(second.waiting, 7);
  assert.equal(second.workers, 3, "members only");
});

Deno.test("why the workers are closed is known once all of them say so, since the first of them was", async () => {
  const { state, sampler, at } = system();
  using _ = sampler;
  const away = (since: number) => ({ status: "closed", reason: "outage", since }) as const;
  state.workers = [["a", 0, 0, 0, 0, true, away(7)], ["b", 0, 0]];
  assert.equal((await at(0)).closed, null);
  state.workers = [["a", 1, 0, 0, 0, true, away(7)], ["b", 1, 0, 0, 0, true, away(5)]];
  const sample = await at(1);
  assert.deepEqual(sample.closed, { reason: "outage", since: 5 });
  assert.deepEqual(noticeOf(sample), {
    reason: "outage",
    text: "The language model is unavailable",
    since: 5,
  });
  state.workers = [];
  assert.equal(noticeOf(await at(2)), undefined);
});

Deno.test("every reason that a gate is closed for has words of its own", () => {
  const texts = GATE_REASONS.map((reason) => noticeOf({ closed: { reason, since: 0 } })!.text);
  assert.equal(new Set(texts).size, GATE_REASONS.length);
  assert.ok(!texts.includes(noticeOf({ closed: { reason: "another", since: 0 } })!.text));
});

Deno.test("a clock that goes back restarts the sampler, without a rate below 0", async () => {
  const { metrics, state, sampler, at } = system();
  using _ = sampler;
  await at(3_600_000);
  metrics.thoughts_accepted_total.inc(50);
  const { accepted } = await at(1_000);
  assert.equal(accepted, null);
  assert.deepEqual(sampler.read().filter((sample) => sample.at > state.now), []);
  metrics.thoughts_accepted_total.inc(50);
  assert.equal((await at(6_000)).accepted, 10);
});

Deno.test("the sampler keeps five minutes, and queries nothing without viewers", async () => {
  const { state, sampler, at } = system();
  using _ = sampler;
  for (let n = 0; n < 160; n++) await at(n * 2_000);
  assert.equal(sampler.read().length, 150);
  state.now += 300_001;
  let asked = -1;
  await waitFor("sampling to stop", async () => {
    const before = state.asked;
    await new Promise((resolve) => setTimeout(resolve, 20));
    asked = state.asked;
    return asked === before;
  });
  assert.deepEqual(sampler.read(), [], "old samples are not shown as current");
  await waitFor("sampling to go on", () => Promise.resolve(state.asked > asked));
});

Deno.test("a quantile is computed from what was observed between two samples", async () => {
  const metrics = createMetrics("api", "0.0.0");
  const durations = metrics.http_request_duration_seconds;
  const observe = (route: string, status: string, value: number, times: number) => {
    const method = status === "201" ? "POST" : "GET";
    for (let n = 0; n < times; n++) durations.observe({ labels: { method, route, status }, value });
  };
  const look = async () => countsByBound((await durations.get()).values);
  observe("/thoughts/:id", "200", 9, 50);
  const before = await look();
  assert.equal(quantile(0.95, before, before), null);
  observe("/thoughts", "201", 0.02, 90);
  observe("/thoughts/:id", "200", 0.2, 10);
  observe("/metrics", "200", 3, 100);
  observe("/thoughts", "503", 3, 100);
  observe("/thoughts", "200", 4, 1_000); // listings, as the page itself asks for
  observe("/thoughts/:id/events", "200", 4, 1_000);
  const after = await look();
  assert.equal(quantile(0.5, before, after)!.toFixed(4), "0.0183"); // 50 of the 90 between 0.01 and 0.025
  assert.equal(quantile(0.95, before, after)!.toFixed(4), "0.1750"); // 5 of the 10 between 0.1 and 0.25
  observe("/thoughts", "201", 99, 1_000);
  assert.equal(quantile(0.95, before, await look()), 10, "beyond the last bound, that bound");
});

Deno.test("tiles take the thresholds' colours", () => {
  const calm: Sample = {
    at: 0,
    accepted: 1234.5,
    processed: 0.25,
    p95: 0.0123,
    cacheHits: 0.5,
    waiting: 0,
    workers: 3,
    expectedWorkers: 3,
    closed: null,
  };
  const shown = (sample: Partial<Sample>, key: string) => {
    const tile = TILES.find((tile) => tile.key === key)!;
    return `${tile.value({ ...calm, ...sample })} ${tile.level({ ...calm, ...sample })}`;
  };
  assert.equal(shown({}, "accepted"), "1,235 none");
  assert.equal(shown({}, "processed"), "0.3 none");
  assert.equal(shown({}, "p95"), "12 ms ok");
  assert.equal(shown({ p95: 0.0048 }, "p95"), "4.8 ms ok");
  assert.equal(shown({ p95: 0.178 }, "p95"), "178 ms ok");
  assert.equal(shown({ p95: 0.9996 }, "p95"), "1.0 s ok");
  assert.equal(shown({ p95: 1.2 }, "p95"), "1.2 s warn");
  assert.equal(shown({ p95: 12.3 }, "p95"), "12 s critical");
  assert.equal(shown({ p95: 2.5 }, "p95"), "2.5 s critical");
  assert.equal(shown({ p95: null }, "p95"), "– none");
  assert.equal(shown({ cacheHits: 0.05 }, "cacheHits"), "5 % info");
  assert.equal(shown({ waiting: 101 }, "waiting"), "101 warn");
  assert.equal(shown({ waiting: 10_000 }, "waiting"), "10,000+ critical");
  assert.equal(shown({ workers: 2 }, "workers"), "2 of 3 warn");
  assert.equal(shown({ workers: 0 }, "workers"), "0 of 3 critical");
});

Deno.test("the page and its files load nothing from elsewhere, and its state is for everybody", async () => {
  await using api = await openTestApp({ kind: "away" });
  const page = await api.request("/");
  const policy = page.headers.get("content-security-policy")!;
  assert.match(policy, /^default-src 'none'/);
  assert.doesNotMatch(policy, /unsafe|http|\*/);
  const html = await page.text();
  const files = [...html.matchAll(/(?:src|href)="(live\/[^"]+)"/g)].map(([, path]) => path!);
  const script = await (await api.request("/live/page.js")).text();
  files.push(...[...script.matchAll(/from "\.(\/[^"]+)"/g)].map(([, path]) => `live${path}`));
  assert.ok(files.length >= 6);
  for (const path of files) assert.equal((await api.request(`/${path}`)).status, 200, path);
  assert.equal((await api.request("/live/page.tsx")).status, 404);
  const state = await (await api.request("/samples")).json();
  assert.deepEqual(state, {
    monitored: false,
    tiles: {},
    history: { at: [], accepted: [], processed: [], waiting: [] },
  });
});
