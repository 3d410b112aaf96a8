import assert from "node:assert/strict";

/** A process that runs this inside runProcess(); `stack` and `signal` are its arguments. */
function runProgram(body: string): Deno.ChildProcess {
  const at = (file: string) => JSON.stringify(new URL(file, import.meta.url).href);
  const program = `
    import { runProcess } from ${at("./process.ts")};
    import { createLogger } from ${at("./telemetry/log.ts")};
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
