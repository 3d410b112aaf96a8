import assert from "node:assert/strict";
import { createLogger, type Level, LEVELS, type LoggerOptions, reason } from "./log.ts";

/** A logger whose lines are read back as objects. */
function capture(options: Partial<LoggerOptions> = {}) {
  const writes: string[] = [];
  const log = createLogger({
    service: "test",
    now: () => 0,
    write: (lines) => writes.push(lines),
    ...options,
  });
  const lines = () => {
    log.flush();
    return writes.join("").split("\n").filter(Boolean).map((line) => JSON.parse(line));
  };
  return { log, writes, lines };
}

Deno.test("a line is one JSON object with time, level, message, service and its fields", () => {
  const { log, lines } = capture();
  log.info("thought stored", { thought_id: "1", ms: 2, ok: true, none: null });
  assert.deepEqual(lines(), [{
    time: "1970-01-01T00:00:00.000Z",
    level: "INFO",
    msg: "thought stored",
    service: "test",
    thought_id: "1",
    ms: 2,
    ok: true,
    none: null,
  }]);
});

Deno.test("each line has the time it was logged at, also within one write", () => {
  const times = [0, 0, 5];
  const { log, lines } = capture({ now: () => times.shift()! });
  for (let line = 0; line < 3; line++) log.info("tick");
  assert.deepEqual(lines().map(({ time }) => time.slice(-4)), ["000Z", "000Z", "005Z"]);
});

for (const [at, level] of LEVELS.entries()) {
  Deno.test(`at level ${level} what is lower is not written`, () => {
    const { log, lines } = capture({ level });
    log.debug("x");
    log.info("x");
    log.warn("x");
    log.error("x");
    assert.deepEqual(lines().map((line) => line.level), LEVELS.slice(at));
    assert.deepEqual(LEVELS.filter((other: Level) => log.enabled(other)), LEVELS.slice(at));
  });
}

Deno.test("lines of one turn go out in one write, by themselves", async () => {
  const { log, writes } = capture();
  log.info("one");
  log.info("two");
  assert.equal(writes.length, 0);
  await new Promise((resolve) => setTimeout(resolve, 10));
  assert.equal(writes.length, 1);
  assert.equal(writes[0]!.split("\n").length, 3);
});

Deno.test("what is held back is bounded, and nothing is lost or doubled", () => {
  const { log, writes, lines } = capture();
  for (let line = 0; line < 1_000; line++) log.info("x".repeat(1_000), { line });
  assert.ok(writes.length > 10, "written before the turn ended");
  assert.ok(writes.every((lines) => lines.length < 70_000));
  assert.deepEqual(lines().map(({ line }) => line), Array.from({ length: 1_000 }, (_, line) => line));
});

Deno.test("a line holds no character that a terminal or an editor acts on, and reads back as it was", () => {
  const { log, writes, lines } = capture();
  const active = "\u001b\u007f\u0085\u009b\u061c\u200e\u200f\u2028\u2029\u202a\u202e\u2066\u2069\ufeff";
  const message = `before ${active} after, naïve 思考 🧠`;
  log.error(message, { [`key ${active}`]: active });
  assert.equal(lines()[0].msg, message);
  assert.equal(lines()[0][`key ${active}`], active);
  for (const char of active) assert.ok(!writes.join("").includes(char), char.charCodeAt(0).toString(16));
  assert.ok(writes.join("").includes("naïve 思考 🧠"), "what is harmless stays readable");
});

Deno.test("a newline inside a value does not break the line", () => {
  const { log, writes } = capture();
  log.error("one\ntwo", { reason: "a\r\nb\u2028" });
  log.flush();
  assert.equal(writes.join("").match(/\n/g)?.length, 1);
});

for (
  const [what, error, expected] of [
    ["an error", new Error("no\n  answer"), "no answer"],
    [
      "its causes",
      new Error("lost", { cause: new Error("refused", { cause: new Error("port 1") }) }),
      "lost: refused: port 1",
    ],
    [
      "a cause behind advice",
      new Error("Taken. Set PORT.", { cause: new Error("in use") }),
      "Taken. Set PORT. (in use)",
    ],
    [
      "a cause that it has already",
      new Error("PostgreSQL: refused", { cause: new Error("refused") }),
      "PostgreSQL: refused",
    ],
    ["a cause that is data", new Error("lost", { cause: { text: "canary" } }), "lost"],
    ["an error without a message", new RangeError(), "RangeError"],
    ["several errors", new AggregateError([new Error("first"), new Error("second")], "all"), "first"],
    ["no error at all", "SIGTERM", "SIGTERM"],
    ["a very long one", new Error("x".repeat(10_000)), "x".repeat(500)],
  ] as const
) {
  Deno.test(`the reason of ${what} is one short line`, () => assert.equal(reason(error), expected));
}
