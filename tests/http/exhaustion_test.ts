/**
 * Callers that exhaust resources, over sockets: connections, watchers, memory. The API survives them, and
 * serves others.
 */
import assert from "node:assert/strict";
import { loggedUrl, startProcess } from "../support/process.ts";
import { waitFor } from "../support/wait.ts";

const FILES = 300;

Deno.test("an API that runs out of file descriptors listens again when there are some, and counts it", async () => {
  const dataDir = `.data/${crypto.randomUUID()}`; // the only folder that the program may write to
  await using stack = new AsyncDisposableStack();
  stack.defer(() => Deno.remove(new URL(`../../${dataDir}`, import.meta.url), { recursive: true }));
  const program = stack.use(startProcess({
    args: ["-P=dev", "dev.ts"],
    env: { DATA_DIR: dataDir, API_PORT: "0", WORKER_PORT: "0" },
  }));
  const url = await loggedUrl(program, "url");
  const { hostname, port } = new URL(url);
  const limited = await new Deno.Command("prlimit", {
    args: [`--pid=${program.pid}`, `--nofile=${FILES}:${FILES}`],
  }).output();
  assert.ok(limited.success, new TextDecoder().decode(limited.stderr));

  const sockets: Deno.Conn[] = [];
  const half = new TextEncoder().encode("GET / HTTP/1.1\r\nX: ");
  for (let n = 0; n < FILES + 20; n++) {
    const socket = await Deno.connect({ hostname, port: Number(port) }).catch(() => undefined);
    if (socket === undefined) break; // it does not listen just now
    await socket.write(half);
    sockets.push(socket);
  }
  await waitFor("the limit to be reached", () => program.stdout().includes("cannot accept connections"));
  for (const socket of sockets) socket.close();

  const metrics = await waitFor("the API to respond again", async () => {
    const response = await fetch(`${url}/metrics`, { signal: AbortSignal.timeout(2_000) });
    return await response.text();
  }, { timeoutMs: 20_000 });
  const failures = Number(/^http_accept_failures_total (\d+)$/m.exec(metrics)![1]);
  assert.ok(failures >= 1 && failures < 60, `${failures} failures`);
});
