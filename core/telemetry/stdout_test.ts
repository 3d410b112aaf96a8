import assert from "node:assert/strict";
import { waitFor } from "../../tests/support/wait.ts";
import { createLineWriter, onLinesDropped } from "./stdout.ts";

const text = (parts: readonly Uint8Array[]) => parts.map((part) => new TextDecoder().decode(part)).join("");

Deno.test("lines come out in their order, however few bytes are taken at a time", async () => {
  const taken: Uint8Array[] = [];
  const writer = createLineWriter((bytes) => {
    if (Math.random() < 0.3) return Promise.reject(new Deno.errors.WouldBlock());
    taken.push(bytes.slice(0, 3));
    return Promise.resolve(Math.min(3, bytes.length));
  });
  writer.write("one\n");
  writer.write("two ü\nthree\n");
  await writer.drain(10_000);
  assert.equal(text(taken), "one\ntwo ü\nthree\n");
});

Deno.test("what a reader does not take is bounded, and counted; what is held comes out once it reads", async () => {
  let dropped = 0;
  onLinesDropped((lines) => dropped += lines);
  const taken: Uint8Array[] = [];
  const open = Promise.withResolvers<void>();
  const writer = createLineWriter(async (bytes) => {
    await open.promise;
    taken.push(bytes.slice());
    return bytes.length;
  });
  const line = "x".repeat(1_023) + "\n";
  for (let at = 0; at < 3_000; at++) writer.write(line);
  await writer.drain(1);
  assert.equal(dropped, 3_000 - 1_024);
  open.resolve();
  await writer.drain(10_000);
  assert.equal(text(taken).length, 1_024 * 1_024);
});

for (
  const [what, read] of [
    ["whose reader has gone", (stdout: ReadableStream) => stdout.cancel()],
    ["whose reader does not read", () => Promise.resolve()],
  ] as const
) {
  Deno.test(`a process ${what} goes on, counts the lines it drops, and stops when told`, async () => {
    const at = (file: string) => JSON.stringify(new URL(file, import.meta.url).href);
    const program = `
      import { runProcess } from ${at("../process.ts")};
      import { createLogger } from ${at("./log.ts")};
      import { onLinesDropped } from ${at("./stdout.ts")};
      let dropped = 0;
      onLinesDropped((lines) => dropped += lines);
      const log = createLogger({ service: "test" });
      await runProcess(log, async () => {
        for (let n = 0; n < 200; n++) {
          for (let line = 0; line < 20; line++) log.info("x".repeat(1_000));
          await new Promise((done) => setTimeout(done, 1));
        }
        await Deno.stderr.write(new TextEncoder().encode("dropped " + dropped + " lines"));
        return { failed: new Promise(() => {}) };
      });`;
    const child = new Deno.Command(Deno.execPath(), {
      args: ["eval", "--quiet", program],
      cwd: new URL("../..", import.meta.url).pathname,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    await read(child.stdout);
    let said = "";
    const reading = (async () => {
      for await (const chunk of child.stderr.pipeThrough(new TextDecoderStream())) said += chunk;
    })();
    const dropped = await waitFor("its count", () => /dropped (\d+) lines/.exec(said)?.[1], {
      describe: () => said,
    });
    assert.ok(Number(dropped) > 1_000, said);
    child.kill("SIGTERM");
    assert.equal((await child.status).code, 0);
    await reading;
    if (!child.stdout.locked) await child.stdout.cancel();
  });
}
