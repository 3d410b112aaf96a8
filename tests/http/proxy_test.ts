/**
 * config/proxy/nginx.conf in a real nginx, before a real API that requires keys: what it lets through, and
 * what not.
 */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { parse } from "yaml";
import { BODY_BYTES } from "../../api/app.ts";
import { makeKey } from "../../api/keys.ts";
import { makeCertificates } from "../support/certificates.ts";
import { type ComposeFile, interpolate, readRepositoryFile } from "../support/compose_file.ts";
import { freePort } from "../support/free_port.ts";
import { createKeyFile } from "../support/key_file.ts";
import { loggedUrl, ROOT, startProcess } from "../support/process.ts";
import { required } from "../support/services.ts";
import { waitFor } from "../support/wait.ts";

const NGINX = "/usr/sbin/nginx";
const installed = existsSync(NGINX);
if (required && !installed) throw new Error(`REQUIRE_SERVICES is set, but there is no ${NGINX}`);
/** Connections that one address may have, in these tests. */
const AT_ONCE = 3;

Deno.test({
  name: `nginx cuts off what is slow, large or too much, shows nothing internal, and lets the rest through${
    installed ? "" : " (skipped: no nginx)"
  }`,
  ignore: !installed,
  async fn(t) {
    await using stack = new AsyncDisposableStack();
    const folder = `.data/test-${crypto.randomUUID()}`;
    await Deno.mkdir(ROOT + folder, { recursive: true });
    stack.defer(() => Deno.remove(ROOT + folder, { recursive: true }));
    const ada = makeKey({ name: "ada", user: "ada" });
    const keys = stack.use(createKeyFile(ada.line));
    const certificates = stack.use(await makeCertificates());
    const api = stack.use(startProcess({
      args: ["-P=dev", "dev.ts"],
      env: {
        DATA_DIR: folder,
        API_PORT: "0",
        WORKER_PORT: "0",
        API_KEYS_FILE: keys.path,
        TRUST_PROXY: "true",
        LOG_ADDRESSES: "true",
        ANALYSER: "slow", // streams stay open
      },
    }));
    stack.defer(() => api.kill("SIGKILL")); // it would wait for its slow analyses
    const port = await startNginx(stack, new URL(await loggedUrl(api, "url")).port, certificates);
    const url = `https://localhost:${port}`;
    const caCerts = [await Deno.readTextFile(certificates.authority)];
    // No connection is kept: each counts.
    const client = Deno.createHttpClient({ caCerts, poolMaxIdlePerHost: 0 });
    stack.defer(() => client.close());
    const headers = { authorization: `Bearer ${ada.key}`, "content-type": "application/json" };
    const ask = (path: string, init: RequestInit = {}) => fetch(url + path, { client, headers, ...init });
    const post = (path: string, text: string) =>
      ask(path, { method: "POST", body: JSON.stringify({ user_id: "ada", text }) });
    /** Sends bytes as they are, and reads what comes back until the end. */
    async function send(text: string): Promise<string> {
      using connection = await Deno.connectTls({ hostname: "localhost", port, caCerts });
      await connection.write(new TextEncoder().encode(text));
      return await new Response(connection.readable).text().catch(() => ""); // it was reset
    }

    let id = "";
    await t.step(
      "a thought is posted, below / and below the sub-path, with links that lead back",
      async () => {
        const root = await post("/thoughts", "One");
        const location = root.headers.get("location");
        assert.deepEqual([root.status, location], [201, `/thoughts/${(await root.json()).id}`]);
        const below = await post("/thoughts-api/thoughts", "Two");
        id = (await below.json()).id;
        assert.deepEqual([below.status, below.headers.get("location")], [
          201,
          `/thoughts-api/thoughts/${id}`,
        ]);
        assert.match(below.headers.get("x-request-id")!, /^[0-9a-f-]{32,36}$/);
        assert.match(below.headers.get("strict-transport-security")!, /max-age/);
        await waitFor(
          "the caller's own address in the API's log",
          () => /"address":"127\.0\.0\.1"/.test(api.stdout()),
        );
      },
    );

    await t.step("without a key there is nothing", async () => {
      const response = await ask("/thoughts", { headers: {} });
      assert.equal(response.status, 401);
      await response.body?.cancel();
    });

    await t.step("an event comes when it happens; beyond the limit of an address all is 429", async () => {
      const open = await Promise.all(Array.from({ length: AT_ONCE }, () => ask(`/thoughts/${id}/events`)));
      for (const { body, status } of open) {
        assert.equal(status, 200);
        const reader = body!.getReader();
        assert.match(new TextDecoder().decode((await reader.read()).value), /event:|retry:/);
        reader.releaseLock();
      }
      const beyond = await ask(`/thoughts/${id}`);
      assert.deepEqual([beyond.status, beyond.headers.get("retry-after")], [429, "5"]);
      assert.equal((await beyond.json()).title, "Too many connections");
      for (const { body } of open) await body!.cancel();
      await waitFor("room again", async () => {
        const response = await ask(`/thoughts/${id}`);
        await response.body?.cancel();
        return response.status === 200;
      });
    });

    await t.step(
      "a body beyond the API's limit ends at the proxy, and the longest thought passes",
      async () => {
        assert.ok(256 * 1_024 >= BODY_BYTES, `${BODY_BYTES}`);
        const large = await ask("/thoughts", { method: "POST", body: "x".repeat(300 * 1_024) });
        assert.deepEqual([large.status, (await large.json()).title], [413, "Body too large"]);
        const longest = await post("/thoughts", "\u{1F600}".repeat(10_000));
        assert.equal(longest.status, 201, await longest.text());
      },
    );

    await t.step("a head and a body of which half is sent are cut, and the API sees neither", async () => {
      const from = performance.now();
      const [head, body] = await Promise.all([
        send("GET /half-head HTTP/1.1\r\nhost: localhost\r\nx: "),
        send("POST /half-body HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n\r\nhalf"),
      ]);
      assert.ok(performance.now() - from < 5_000);
      for (const text of [head, body]) assert.match(text, /^(HTTP\/1\.1 408 |$)/);
      assert.doesNotMatch(api.stdout(), /half-/);
    });

    await t.step("metrics, alerts and readiness are not served, however they are spelled", async () => {
      const spelled = ["/metrics", "//metrics", "/./metrics", "/%6detrics", "/a/../metrics", "/metrics/"];
      const below = ["/thoughts-api/metrics", "/thoughts-api//metrics", "/thoughts-api/%6detrics"];
      for (const path of [...spelled, ...below, "/metrics?a", "/alerts", "/health/ready"]) {
        const text = await send(`GET ${path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n`);
        assert.match(text, /^HTTP\/1\.1 404 /, path);
        assert.doesNotMatch(text, /http_requests_total|dependencies/, path);
      }
      const live = await ask("/health/live");
      assert.equal(live.status, 200);
      await live.body?.cancel();
    });
  },
});

Deno.test("docker-compose.proxy.yml: pinned and unprivileged, starts only with keys and a certificate, publishes TLS", () => {
  const text = readRepositoryFile("docker-compose.proxy.yml");
  assert.match(text, /^x-keys: \$\{API_KEYS_DIR:\?/m);
  assert.match(text, /- \$\{TLS_DIR:\?[^}]*\}:\/run\/tls:ro/);
  const rendered = interpolate(text.replace(/\$\{(\w+):\?[^}]*\}/g, "/$1"));
  const { services } = parse(rendered, { merge: true }) as ComposeFile;
  const proxy = services.proxy!;
  assert.match(proxy.image, /^nginx:\d+\.\d+\.\d+$/);
  assert.deepEqual([proxy.profiles, proxy.user], [["proxy"], "101:101"]);
  assert.deepEqual([proxy.read_only, proxy.init, proxy.cap_drop], [true, true, ["ALL"]]);
  assert.deepEqual(proxy.security_opt, ["no-new-privileges:true"]);
  assert.deepEqual(proxy.ports, ["0.0.0.0:443:8443", "0.0.0.0:80:8080"]);
  assert.deepEqual(services.api!.environment, { TRUST_PROXY: "true" });
});

/** @returns the port on which it serves TLS */
async function startNginx(
  stack: AsyncDisposableStack,
  api: string,
  { folder, server }: { folder: string; server: { certificate: string; key: string } },
): Promise<number> {
  const [tls, plain, health] = [freePort(), freePort(), freePort()];
  const replaced = [
    ["/run/tls/fullchain.pem", server.certificate],
    ["/run/tls/privkey.pem", server.key],
    ["server api:8000", `server 127.0.0.1:${api}`],
    ["listen 8443 ssl", `listen 127.0.0.1:${tls} ssl`],
    ["listen 8080", `listen 127.0.0.1:${plain}`],
    ["127.0.0.1:8081", `127.0.0.1:${health}`],
    ["client_header_timeout 10s", "client_header_timeout 1s"],
    ["client_body_timeout 10s", "client_body_timeout 1s"],
    ["limit_conn address 100", `limit_conn address ${AT_ONCE}`],
  ] as const;
  let config = readRepositoryFile("config/proxy/nginx.conf").replaceAll(" /tmp/", ` ${folder}/`);
  for (const [text, by] of replaced) {
    assert.ok(config.includes(text), text);
    config = config.replace(text, by);
  }
  const path = `${folder}/nginx.conf`;
  await Deno.writeTextFile(path, config);
  const child = new Deno.Command(NGINX, {
    args: ["-c", path, "-e", `${folder}/errors`, "-g", "daemon off;"],
    stdout: "null",
    stderr: "null",
  }).spawn();
  stack.defer(async () => {
    child.kill("SIGTERM");
    await child.status;
  });
  await waitFor("nginx", async () => {
    const response = await fetch(`http://127.0.0.1:${health}/`).catch(() => undefined);
    return response?.status === 204;
  });
  return tls;
}
