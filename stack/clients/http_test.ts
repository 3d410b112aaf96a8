/** What a person reads when a server cannot be reached. */
import assert from "node:assert/strict";
import { localHost } from "../host.ts";
import { ask, Unreachable } from "./http.ts";

const host = localHost(new AbortController().signal);

/** The message of a request that fails. */
async function failing(url: string, mostBytes?: number): Promise<string> {
  const error = await ask(host, url, mostBytes === undefined ? {} : { mostBytes }).catch((error) => error);
  assert.ok(error instanceof Unreachable, `${error}`);
  return error.message.replaceAll(/:\d+/g, ":PORT");
}

Deno.test("the operating system's reason is given, and nothing else", async () => {
  using closed = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const url = `http://127.0.0.1:${closed.addr.port}/`;
  closed.close();
  assert.equal(await failing(url), "http://127.0.0.1:PORT/ cannot be reached: connection refused");
  assert.match(
    await failing("http://name.invalid/"),
    /^http:\/\/name\.invalid\/ cannot be reached: dns error/,
  );
});

Deno.test("a response is read up to a limit", async () => {
  await using server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen() {} },
    () => new Response("1234é"),
  );
  const url = `http://127.0.0.1:${server.addr.port}/`;
  assert.equal((await ask(host, url, { mostBytes: 6 })).text, "1234é");
  assert.match(await failing(url, 5), /returned more than/);
});
