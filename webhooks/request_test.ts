import assert from "node:assert/strict";
import { makeCertificates } from "../tests/support/certificates.ts";
import { startReceiver } from "../tests/support/receiver.ts";
import { createSend, type RequestOptions } from "./request.ts";

const MESSAGE = { headers: { "webhook-id": "1" }, body: `{"a":1}`, attempt: 1 };

/** Sends to a name that resolves to these addresses, the first list the first time, and so on. */
function sender(lists: string[][], options: Partial<RequestOptions> = {}) {
  let resolved = 0;
  const send = createSend({
    privateHosts: [],
    timeoutMs: 2_000,
    userAgent: "test",
    resolve: () => Promise.resolve(lists[Math.min(resolved++, lists.length - 1)]!),
    ...options,
  });
  return { send, resolved: () => resolved };
}

Deno.test("a name that leads into a private network gets nothing, whichever of its addresses does", async () => {
  await using receiver = startReceiver();
  const { port } = new URL(receiver.url);
  for (
    const addresses of [["127.0.0.1"], ["::ffff:127.0.0.1"], ["::1"], ["10.0.0.1"], ["169.254.169.254"], [
      "1.1.1.1",
      "127.0.0.1",
    ]]
  ) {
    const reply = await sender([addresses]).send(`https://hook.example:${port}/`, MESSAGE);
    assert.equal(reply.outcome, "refused", addresses.join());
  }
  assert.equal(receiver.received.length, 0);
});

Deno.test("a URL that was allowed when it was saved is checked again", async () => {
  await using receiver = startReceiver();
  const { send } = sender([["127.0.0.1"]]);
  assert.equal((await send(receiver.url, MESSAGE)).outcome, "refused");
});

Deno.test("the connection goes to the address that was checked: the name is resolved once", async () => {
  await using receiver = startReceiver();
  const { port } = new URL(receiver.url);
  const { send, resolved } = sender([["127.0.0.1"], ["192.0.2.1"]], { privateHosts: ["hook.example"] });
  assert.deepEqual(await send(`http://hook.example:${port}/a?b=c`, MESSAGE), { outcome: "accepted" });
  assert.equal(resolved(), 1);
  const [{ headers, body, path }] = receiver.received as [typeof receiver.received[0]];
  assert.deepEqual([headers.host, path, body], [`hook.example:${port}`, "/a", MESSAGE.body]);
  assert.deepEqual([headers["webhook-id"], headers["content-type"]], ["1", "application/json"]);
});

Deno.test("a certificate has to be the name's, though the connection is made to an address", async () => {
  await using certificates = await makeCertificates(); // of localhost
  const read = (path: string) => Deno.readTextFileSync(path);
  await using receiver = startReceiver(undefined, {
    cert: read(certificates.server.certificate),
    key: read(certificates.server.key),
  });
  const { port } = new URL(receiver.url);
  const { send } = sender([["127.0.0.1"]], {
    privateHosts: ["localhost", "other.example"],
    ca: read(certificates.authority),
  });
  assert.deepEqual(await send(`https://localhost:${port}/`, MESSAGE), { outcome: "accepted" });
  const other = await send(`https://other.example:${port}/`, MESSAGE);
  assert.equal(other.outcome, "failed");
  const stranger = sender([["127.0.0.1"]], { privateHosts: ["localhost"], ca: read(certificates.stranger) });
  assert.equal((await stranger.send(`https://localhost:${port}/`, MESSAGE)).outcome, "failed");
  assert.equal(receiver.received.length, 1);
});

Deno.test("redirects are not followed, and the status says what was wrong", async () => {
  await using target = startReceiver();
  await using receiver = startReceiver(() => Response.redirect(target.url, 307));
  const { send } = sender([["127.0.0.1"]], { privateHosts: ["127.0.0.1"] });
  const reply = await send(receiver.url, MESSAGE);
  assert.deepEqual([reply.outcome, "status" in reply && reply.status], ["rejected", 307]);
  assert.equal(target.received.length, 0);
});

Deno.test("a receiver that stays silent, sends without end or is away ends within the time limit", async () => {
  const held = Promise.withResolvers<void>();
  await using silent = startReceiver(async () => {
    await held.promise;
    return new Response();
  });
  await using endless = startReceiver(() =>
    new Response(
      new ReadableStream({
        pull: (controller) => controller.enqueue(new Uint8Array(16_384)),
      }),
    )
  );
  const { send } = sender([["127.0.0.1"]], { privateHosts: ["127.0.0.1"], timeoutMs: 300 });
  const started = performance.now();
  assert.deepEqual(await send(silent.url, MESSAGE), {
    outcome: "failed",
    error: "no response within 300 ms",
  });
  assert.deepEqual(await send(endless.url, MESSAGE), { outcome: "accepted" });
  const away = await send("http://127.0.0.1:1/", MESSAGE);
  assert.deepEqual(away, { outcome: "failed", error: "no connection: ECONNREFUSED" });
  assert.ok(performance.now() - started < 2_000);
  held.resolve();
});

Deno.test("each attempt takes the next of a host's addresses", async () => {
  await using receiver = startReceiver();
  const { port } = new URL(receiver.url);
  const { send } = sender([["127.0.0.2", "127.0.0.1"]], { privateHosts: ["hook.example"] });
  const url = `http://hook.example:${port}/`;
  assert.equal((await send(url, MESSAGE)).outcome, "failed");
  assert.equal((await send(url, { ...MESSAGE, attempt: 2 })).outcome, "accepted");
});
