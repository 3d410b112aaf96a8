/** A drill on a scripted stack: its alert, its repair, and Ctrl-C. */
import assert from "node:assert/strict";
import { type FakeHost, fakeHost, silentView } from "../../tests/launcher/fake_host.ts";
import { psJson, type ScriptedContainer } from "../../tests/launcher/scripted_docker.ts";
import { parseArguments } from "../cli.ts";
import { runDrill } from "./drill.ts";
import { DRILLS } from "./drills.ts";
import type { Paths } from "../paths.ts";
import { failuresOf } from "../checklist.ts";
import { SERVICES } from "../services.ts";
import { openContext } from "../context.ts";

/** Holds the lock of the drills. */
const folder = Deno.makeTempDirSync({ prefix: "drill-" });
globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));
const PATHS: Paths = {
  dir: "/nowhere",
  envFile: "/nowhere/.env",
  lastUpFile: `${folder}/launcher.json`,
  extensionsDir: "/nowhere",
};
const redisDown = DRILLS.find(({ name }) => name === "redis-down")!;
const PENDING_MS = 5_000;

interface AlertTimes {
  /** The alert fires when Redis is down. @default true */
  readonly fires?: boolean;
  /** It fires before anything is broken. */
  readonly firesAlready?: boolean;
  /** The API requires a key that the drill lacks. */
  readonly keyed?: boolean;
  /** Thoughts are accepted and never processed. */
  readonly neverProcessed?: boolean;
  /** Ctrl-C, at the first command line that matches. */
  readonly interruptAt?: RegExp;
  /** Redis does not start again. */
  readonly stuck?: boolean;
  /** A second alert that is reported of the same fault. */
  readonly also?: string;
  /** Arguments beside the drill's name. */
  readonly flags?: readonly string[];
}

/**
 * Runs the drill on a stack whose Redis is as Docker was told, with a Prometheus and a receiver that see it.
 */
async function drill(
  { fires = true, firesAlready, keyed, neverProcessed, interruptAt, stuck, also, flags = [] }: AlertTimes,
) {
  const interrupt = new AbortController();
  let downSince: number | undefined;
  const thoughts = new Set<string>();
  const log: string[] = [];
  const state = () => {
    if (firesAlready) return "firing";
    if (downSince === undefined || !fires) return "inactive";
    return host.slept - downSince < PENDING_MS ? "pending" : "firing";
  };
  const startsAt = new Date().toISOString();
  const notify = (status: string, alertname = "RedisDown") => {
    const line = JSON.stringify({
      msg: "alert received",
      notification: `${alertname} ${status}`,
      alertname,
      severity: "warning",
      status,
      starts_at: startsAt,
    });
    if (!log.includes(line)) log.push(line);
  };
  const host: FakeHost = fakeHost({
    signal: interrupt.signal,
    run: (line) => {
      if (interruptAt?.test(line)) interrupt.abort(new DOMException("Interrupted", "AbortError"));
      if (line.startsWith("docker stop")) downSince = host.slept;
      if (line.startsWith("docker start") && !stuck) downSince = undefined;
      if (line.includes(" ps --all")) return { stdout: psJson(containers(downSince !== undefined)) };
      if (line.includes(" config --format json")) return { stdout: '{"name":"tp","services":{}}' };
      return line.includes(" logs ") ? { stdout: log.join("\n") } : {};
    },
    fetch: ({ pathname }, { method }) => {
      if (pathname === "/api/v1/rules") {
        const [now, labels] = [state(), { severity: "warning" }];
        if (now === "firing") notify("firing");
        if (now === "firing" && also) notify("firing", also);
        else if (log.length > 0) notify("resolved");
        const rules = [{ name: "RedisDown", labels, duration: PENDING_MS / 1_000, state: now }];
        return Response.json({ data: { groups: [{ rules }] } });
      }
      if (method === "POST" && keyed) return Response.json({ title: "No API key" }, { status: 401 });
      if (method === "POST") {
        thoughts.add(`${thoughts.size}`);
        return Response.json({ id: `${thoughts.size - 1}` }, { status: 201 });
      }
      if (method === "DELETE") thoughts.delete(pathname.split("/").at(-1)!);
      return Response.json({ status: neverProcessed ? "pending" : "completed" });
    },
  });
  const options = parseArguments(["drill", "redis-down", ...flags], "tp", "1");
  assert.ok("verb" in options);
  const view = silentView();
  const context = await openContext(host, PATHS, view, options);
  const outcome = await runDrill(context, redisDown, false).then(
    ({ checklists, result }) => ({ failures: checklists.flatMap(failuresOf), result, error: undefined }),
    (error) => ({ failures: [], result: undefined, error }),
  );
  const outcomes = view.finished.map((check) => `${check.name} ${check.outcome}`);
  const notes = view.finished.flatMap((check) => check.notes);
  return { ...outcome, outcomes, notes, host, isDown: downSince !== undefined, left: thoughts.size };
}

const PORTS: Record<string, number> = { prometheus: 9090, api: 8000 };
const containers = (redisIsDown: boolean): ScriptedContainer[] =>
  SERVICES.map(({ name: service }) => ({
    service,
    ...(service === "redis" && redisIsDown && { state: "exited" }),
    ...(PORTS[service] && { ports: { [PORTS[service]]: PORTS[service] } }),
  }));

Deno.test("a drill breaks, follows the alert to its receiver, repairs, and waits for the end", async () => {
  const { failures, outcomes, result, isDown, left } = await drill({});
  assert.deepEqual(failures, []);
  assert.deepEqual(
    outcomes,
    "services quiet broken pending firing delivered repaired resolved notified completed".split(" ").map((
      check,
    ) => `${check} ok`),
  );
  assert.deepEqual(result!.notifications, [["RedisDown"]]);
  const { pending, firing, delivered, resolved } = result!.times;
  const times = [0, pending!, firing!, delivered!, resolved!];
  assert.deepEqual(times, times.toSorted((a, b) => a - b));
  assert.ok(firing! - pending! >= 1, "a pending alert does not count as firing");
  assert.ok(result!.thoughts.accepted > 0 && result!.thoughts.completed === result!.thoughts.accepted);
  assert.deepEqual([isDown, left], [false, 0], "the stack is left as it was found");
});

Deno.test("a fault that is reported more than once is a warning that names what else was", async () => {
  const { failures, outcomes, result, notes } = await drill({ also: "CacheHitsLow" });
  assert.deepEqual(failures, []);
  assert.ok(outcomes.includes("notified warn"), `${outcomes}`);
  assert.deepEqual(notes, ["also: CacheHitsLow"]);
  assert.deepEqual(result!.notifications, [["RedisDown"], ["CacheHitsLow"]]);
});

Deno.test("--for keeps it broken for that long", async () => {
  const { failures, outcomes, result } = await drill({ flags: ["--for", "12m"] });
  assert.deepEqual(failures, []);
  assert.ok(outcomes.includes("held ok"), `${outcomes}`);
  assert.ok(result!.times.resolved! >= 12 * 60, `${result!.times.resolved} s`);
  assert.ok(result!.times.delivered! < 60, `${result!.times.delivered} s`);
});

Deno.test("an alert that does not come fails the drill, and what was broken is repaired", async () => {
  const { failures, outcomes, isDown } = await drill({ fires: false });
  assert.deepEqual(failures.map(({ kind, message }) => [kind, message]), [
    ["drill", "The drill redis-down failed"],
  ]);
  assert.match(failures[0]!.why!, /RedisDown is inactive \(waited 420 s\)/);
  assert.ok(outcomes.includes("repaired ok") && outcomes.includes("completed ok"), `${outcomes}`);
  assert.equal(isDown, false);
});

Deno.test("if the alert fires already, nothing is broken", async () => {
  const { failures, host, result } = await drill({ firesAlready: true });
  assert.equal(failures[0]!.message, "The drill was refused: RedisDown (warning) is firing already");
  assert.equal(result, undefined);
  assert.ok(!host.commands.some((line) => line.startsWith("docker stop")));
});

Deno.test("a thought that was accepted and stays unprocessed fails the drill", async () => {
  const { failures } = await drill({ neverProcessed: true });
  assert.deepEqual(failures.map(({ message }) => message), [
    "Not every accepted thought was completed",
  ]);
});

for (
  const [when, interruptAt] of [["while it is broken", /logs/], [
    "while breaking it",
    /^docker stop/,
  ]] as const
) {
  Deno.test(`Ctrl-C ${when} repairs it first`, async () => {
    const { error, isDown, outcomes, left } = await drill({ interruptAt });
    assert.equal(error.name, "AbortError");
    assert.equal(isDown, false);
    assert.equal(outcomes.at(-1), "repaired ok");
    assert.equal(left, 0);
  });
}

Deno.test("Ctrl-C and a service that does not come back: says that it is not repaired", async () => {
  const { error } = await drill({ interruptAt: /logs/, stuck: true });
  assert.equal(error.message, "redis is not healthy after the drill");
  assert.deepEqual(error.next[0], { text: "see what it says", verb: "logs redis" });
});
