/** Clients that never finish their requests. */
import assert from "node:assert/strict";
import { startLoad } from "./load.ts";
import { report } from "./report.ts";
import { faultTest } from "./services.ts";
import { assertNothingLostOrTwice, startSystem } from "./system.ts";

const CLIENTS = 200;
const HEAD =
  "POST /thoughts HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{";

faultTest(
  `${CLIENTS} clients that never finish their request are answered 408 and hold up nobody`,
  async (services) => {
    await using system = await startSystem(services, { workers: 1 });
    const { hostname, port } = new URL(system.api.url);
    const answers = Array.from({ length: CLIENTS }, () => stall(hostname, Number(port)));
    const load = startLoad({ api: () => system.api.url, thoughts: 1_000, clients: 16 });
    await load.done;
    const settled = await system.settled();

    for (const answer of await Promise.all(answers)) assert.match(answer, /^HTTP\/1\.1 408 /);
    assert.equal(load.refused + load.unanswered, 0);
    const verdict = await assertNothingLostOrTwice(system, load);
    report(`${CLIENTS} slow clients`, load, verdict, settled);
  },
);

/** Begins a request, says nothing further, and returns what comes back. */
async function stall(hostname: string, port: number): Promise<string> {
  using socket = await Deno.connect({ hostname, port });
  await socket.write(new TextEncoder().encode(HEAD));
  const buffer = new Uint8Array(2_048);
  const length = await socket.read(buffer);
  return new TextDecoder().decode(buffer.subarray(0, length ?? 0));
}
