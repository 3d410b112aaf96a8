/** When a Prometheus target counts as up, and when as down. */
import assert from "node:assert/strict";
import { fakeHost, testProgress } from "../../tests/launcher/fake_host.ts";
import { createEndpoints } from "../endpoints.ts";
import { LaunchFailure } from "../failure.ts";
import { checkoutPaths } from "../paths.ts";
import { select, SERVICES } from "../services.ts";
import { targetsUp } from "./targets.ts";

interface Seen {
  readonly job: string;
  readonly health: string;
  readonly url?: string;
}

/**
 * Polls the targets of a stack with Prometheus, API and workers alone; a scrape happens between two polls.
 */
async function look(looks: Seen[][], workers = 1) {
  let i = 0;
  const host = fakeHost({
    fetch: () => {
      const scrape = i;
      const activeTargets = looks[Math.min(i++, looks.length - 1)]!.map(({ job, health, url = job }) => ({
        labels: { job },
        scrapeUrl: url,
        health,
        lastError: health === "down" ? "connection refused" : "",
        lastScrape: `${scrape}`,
      }));
      return Response.json({ data: { activeTargets } });
    },
  });
  const kept = ["prometheus"];
  const without = SERVICES.filter((s) => !s.core && !kept.includes(s.name)).map((s) => s.name);
  const ports = [{ container: 9090, host: 9090 }];
  const prometheus = {
    id: "p",
    name: "p",
    service: "prometheus",
    state: "running",
    health: "",
    exitCode: 0,
    status: "",
  };
  const stack = {
    host,
    paths: checkoutPaths("/nowhere"),
    selection: select(without),
    endpoints: createEndpoints([{ ...prometheus, ports }]),
    workers,
    grafanaLogin: "",
  };
  return { outcome: await targetsUp(stack, testProgress()).catch((e: LaunchFailure) => e), looks: () => i };
}

const up = (...jobs: string[]): Seen[] => jobs.map((job) => ({ job, health: "up" }));
const ALL = up("prometheus", "thoughtprocessor-api", "kafka-worker", "webhooks");

Deno.test("targets of services that were left out do not count", async () => {
  const { outcome } = await look([[...ALL, { job: "tempo", health: "down" }]]);
  assert.equal(outcome, "4 of 4 up");
});

Deno.test("a target that is unknown, or not discovered yet, is waited for", async () => {
  const young = [...up("prometheus", "kafka-worker"), { job: "thoughtprocessor-api", health: "unknown" }];
  const { outcome, looks } = await look([up("prometheus"), young, ALL]);
  assert.equal(outcome, "4 of 4 up");
  assert.equal(looks(), 3);
});

Deno.test("a person's own service that is down is told, and fails nothing", async () => {
  const { outcome } = await look([[...ALL, { job: "shop", health: "down" }]]);
  assert.deepEqual(outcome, {
    text: "4 of 4 up",
    warn: true,
    notes: ["your own shop is down: connection refused"],
  });
});

Deno.test("every worker has a target of its own", async () => {
  const second = { job: "kafka-worker", health: "up", url: "second" };
  const { outcome, looks } = await look([ALL, [...ALL, second]], 2);
  assert.equal(outcome, "5 of 5 up");
  assert.equal(looks(), 2);
});

Deno.test("one failed scrape is forgiven, a second one since the first poll is not", async () => {
  const down = [...up("prometheus", "kafka-worker"), { job: "thoughtprocessor-api", health: "down" }];
  const forgiven = await look([down, down, ALL]);
  const stays = await look([down]);
  assert.equal(forgiven.outcome, "4 of 4 up");
  assert.ok(stays.outcome instanceof LaunchFailure);
  assert.deepEqual([stays.outcome.kind, stays.outcome.why], ["target", "connection refused"]);
  assert.equal(stays.looks(), 3);
});

Deno.test("a job that Prometheus does not know fails at the deadline", async () => {
  const { outcome } = await look([up("prometheus")]);
  assert.ok(outcome instanceof LaunchFailure && outcome.kind === "target");
  assert.match(outcome.why!, /waiting for .*thoughtprocessor-api/);
});
