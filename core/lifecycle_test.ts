import assert from "node:assert/strict";
import { backoffMs, DeadlineError, pause, repeat, within } from "./lifecycle.ts";
import { createLogger } from "./log.ts";

const lines: string[] = [];
const log = createLogger({ service: "test", write: (written) => lines.push(written) });

Deno.test("within() hands on what comes in time, value or error", async () => {
  assert.equal(await within(1_000, "it", Promise.resolve(1)), 1);
  await assert.rejects(within(1_000, "it", Promise.reject(new RangeError())), RangeError);
});

Deno.test("within() names what did not come in time, and drops what comes later", async () => {
  const late = Promise.withResolvers<never>();
  await assert.rejects(
    within(5, "Redis", late.promise),
    (error) => error instanceof DeadlineError && error.message === "Redis did not answer within 5 ms",
  );
  late.reject(new Error("unhandled, it would end the process"));
  await pause(1);
});

Deno.test("pause() ends early when the signal aborts, at once when it has", async () => {
  const stop = new AbortController();
  const paused = pause(60_000, stop.signal);
  stop.abort();
  await paused;
  await pause(60_000, stop.signal);
});

Deno.test("back-off doubles up to its limit and never falls below half of it", () => {
  for (const [failures, full] of [[0, 100], [1, 200], [2, 400], [3, 500], [60, 500], [2_000, 500]] as const) {
    const drawn = Array.from({ length: 200 }, () => backoffMs(failures, { firstMs: 100, maxMs: 500 }));
    assert.ok(Math.min(...drawn) >= full / 2 && Math.max(...drawn) <= full, `${failures}: ${drawn}`);
    assert.ok(new Set(drawn).size > 10, "with jitter");
  }
});

Deno.test("repeat() runs a step after the pause it asks for, until the signal aborts", async () => {
  const stop = new AbortController();
  let runs = 0;
  await repeat("counting", { log, signal: stop.signal }, () => {
    if (++runs === 3) stop.abort();
    return Promise.resolve(runs === 3 ? 60_000 : 0);
  });
  assert.equal(runs, 3);
});

Deno.test("repeat() logs a step that fails, with its name and why, and tries again", async () => {
  const stop = new AbortController();
  let runs = 0;
  await repeat("relay", { log, signal: stop.signal, maxBackoffMs: 1 }, () => {
    if (++runs < 3) return Promise.reject(new Error("Kafka is away"));
    stop.abort();
    return Promise.resolve(0);
  });
  log.flush();
  assert.equal(runs, 3);
  assert.equal(lines.join("").match(/"relay failed, trying again".*"reason":"Kafka is away"/g)?.length, 2);
});

Deno.test("repeat() does not run with a signal aborted before, nor complain of a step that the stop broke off", async () => {
  lines.length = 0;
  await repeat("never", { log, signal: AbortSignal.abort() }, () => assert.fail("it ran"));
  const stop = new AbortController();
  await repeat("broken off", { log, signal: stop.signal }, () => {
    stop.abort();
    return Promise.reject(new Error("closed"));
  });
  log.flush();
  assert.deepEqual(lines, []);
});

/** A process that runs this inside runProcess(); `stack` and `signal` are its arguments. */
function runProgram(body: string): Deno.ChildProcess {
  const at = (file: string) => JSON.stringify(new URL(file, import.meta.url).href);
  const program = `
    import { runProcess } from ${at("./lifecycle.ts")};
    import { createLogger } from ${at("./log.ts")};
    const log = createLogger({ service: "test" });
    await runProcess(log, async (stack, signal) => { ${body} });`;
  return new Deno.Command(Deno.execPath(), {
    args: ["eval", "--quiet", program],
    cwd: new URL("..", import.meta.url).pathname,
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

const NEVER = "return { failed: new Promise(() => {}) };";

for (const name of ["SIGTERM", "SIGINT"] as const) {
  Deno.test(`a process told ${name} closes what it holds, the last first, and exits with 0`, async () => {
    await using child = runProgram(`
      stack.defer(() => log.info("first closed"));
      stack.defer(async () => { await new Promise((done) => setTimeout(done, 20)); log.info("second closed"); });
      signal.addEventListener("abort", () => log.info("told"));
      log.info("ready");
      ${NEVER}`);
    assert.deepEqual(
      await told(child, name),
      ["ready", "told", "stopping", "second closed", "first closed", "stopped"],
    );
    assert.equal((await child.status).code, 0);
  });
}

Deno.test("a start that hangs does not hold up a stop", async () => {
  await using child = runProgram(`
    stack.defer(() => log.info("closed"));
    log.info("ready");
    await new Promise(() => setInterval(() => {}, 1_000));
    ${NEVER}`);
  assert.deepEqual((await told(child, "SIGTERM")).slice(-2), ["closed", "stopped"]);
  assert.equal((await child.status).code, 0);
});

for (
  const [what, body, reason] of [
    ["cannot start", `stack.defer(() => log.info("closed")); throw new Error("no database");`, "no database"],
    [
      "fails by itself",
      `stack.defer(() => log.info("closed")); return { failed: Promise.reject(new Error("consumer died")) };`,
      "consumer died",
    ],
    [
      "cannot stop",
      `stack.defer(() => log.info("closed")); stack.defer(() => { throw new Error("stuck") });
       return { failed: Promise.resolve(new Error("ended")) };`,
      "stuck",
    ],
  ] as const
) {
  Deno.test(`a process that ${what} says why, still closes what it holds, and exits with 1`, async () => {
    await using child = runProgram(body);
    const { code, stdout } = await child.output();
    const text = new TextDecoder().decode(stdout);
    assert.equal(code, 1, text);
    assert.match(text, new RegExp(`"level":"ERROR".*"reason":"${reason}"`));
    assert.match(text, /"msg":"closed"/);
  });
}

/** Sends the signal once the process has logged something; answers its messages when it has ended. */
async function told(child: Deno.ChildProcess, name: Deno.Signal): Promise<string[]> {
  let text = "";
  for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
    if (text === "") child.kill(name);
    text += chunk;
  }
  return text.trim().split("\n").map((line) => JSON.parse(line).msg);
}
