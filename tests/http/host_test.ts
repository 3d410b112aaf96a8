/** The name by which the API is called, over sockets: it never chooses the route, and only allowed names reach thoughts. */
import assert from "node:assert/strict";
import { connect } from "node:http2";
import { startApi } from "../../api/serve.ts";
import { createLogger } from "../../core/telemetry/log.ts";
import { openTestDatabase } from "../support/databases.ts";
import { getRequest, sendRaw } from "../support/raw_http.ts";

const log = createLogger({ service: "test", write: () => {} });

Deno.test("the host name", async (t) => {
  await using database = await openTestDatabase("pglite");
  const access = { hosts: ["localhost", "127.0.0.1", "[::1]"] };
  await using api = startApi({ database, log, host: "127.0.0.1", port: 0, access });
  const called = (path: string, ...headers: string[]) => sendRaw(api.url, getRequest(path, ...headers));

  await t.step(
    "a host with a path, a fragment or a space is refused and never chooses the route",
    async () => {
      const hosts = [
        "x/metrics#",
        "x/metrics?",
        "x#",
        "x?y",
        "a b",
        "user@localhost",
        "localhost:x",
        "::1",
        "x\\y",
      ];
      for (const host of [...hosts, "localhost/metrics#", ""]) {
        const { status, text } = await called("/thoughts", `host: ${host}`);
        assert.equal(status, 400, `${host}: ${text}`);
        assert.doesNotMatch(text, /http_requests_total/, host);
        assert.match(text, /"field":"header\.host"/, host);
      }
    },
  );

  await t.step("a request without a host name is refused, as is one with two", async () => {
    assert.equal((await called("/health/live")).status, 400);
    assert.equal((await called("/health/live", "host: a", "host: b")).status, 400);
  });

  await t.step("an address in absolute form counts, whatever Host says", async () => {
    const evil = await called("http://evil.example/thoughts", "host: evil.example");
    assert.equal(evil.status, 421);
    const disguised = await called("http://evil.example/thoughts", "host: localhost");
    assert.equal(disguised.status, 400, "the two disagree");
    assert.equal((await called("http://localhost/thoughts", "host: localhost")).status, 200);
  });

  await t.step("HTTP/2 is held to the same names", async () => {
    assert.equal(await statusOverHttp2(api.url, "127.0.0.1"), 200);
    assert.equal(await statusOverHttp2(api.url, "evil.example"), 421);
    assert.equal(await statusOverHttp2(api.url, "localhost", "evil.example"), 400, "the two disagree");
  });

  await t.step("allowed names are accepted with any port and in any case", async () => {
    for (const host of ["localhost", "LocalHost:8000", "[::1]:8000", "127.0.0.1"]) {
      assert.equal((await called("/thoughts", `host: ${host}`)).status, 200, host);
    }
  });
});

function statusOverHttp2(url: string, authority: string, host?: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const session = connect(url);
    session.on("error", reject);
    const headers = {
      ":path": "/thoughts",
      ":authority": authority,
      ...(host === undefined ? {} : { host }),
    };
    const request = session.request(headers);
    request.on("error", reject);
    request.on("response", (answer) => {
      resolve(Number(answer[":status"]));
      session.destroy();
    });
    request.end();
  });
}
