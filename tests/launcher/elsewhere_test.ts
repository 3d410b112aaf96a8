/** `verify --url`: an installation that is not Compose's, proven by its addresses, with no Docker on the machine. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { EXIT } from "../../stack/failure.ts";
import { makeCertificates } from "../support/certificates.ts";
import { fakeStack } from "./fake_stack.ts";
import { createMachine, type Run } from "./run_launcher.ts";

function outcomes({ stdout }: Run): Record<string, string> {
  const [{ checks }] = JSON.parse(stdout).checklists;
  return Object.fromEntries(
    checks.map(({ name, outcome, text }: { name: string; outcome: string; text: string }) => [
      name,
      outcome === "skipped" ? text : outcome,
    ]),
  );
}

Deno.test("verify --url proves what has an address, and says what was not checked", async () => {
  await using stack = fakeStack({ key: "tp_secret" });
  await using machine = await createMachine();
  const url = `http://127.0.0.1:${stack.port}`;
  const keyFile = join(machine.dir, "key");
  await Deno.writeTextFile(keyFile, "tp_secret\n");
  const others = ["prometheus", "loki", "tempo"].flatMap((name) => [`--${name}-url`, url]);
  const run = await machine.launch("verify", "--url", `${url}/`, "--key-file", keyFile, ...others, "--json");
  assert.equal(run.code, EXIT.ok, run.stderr);
  assert.deepEqual(outcomes(run), {
    "targets": "ok",
    "data sources": "not checked: --grafana-url is not given",
    "dashboards": "not checked: --grafana-url is not given",
    "accepted": "ok",
    "completed": "ok",
    "counted": "ok",
    "traced": "ok",
    "logged": "ok",
    "panels": "ok",
    "watchdog": "not checked: --alertmanager-url is not given",
  });
  assert.doesNotMatch(run.stdout + run.stderr, /tp_secret/);
  assert.ok(stack.deleted.includes("/thoughts/thought-1"), "the proof thought is deleted");
});

Deno.test("the addresses may stand in the environment; the API alone is enough", async () => {
  await using stack = fakeStack();
  await using machine = await createMachine();
  const VERIFY_URL = `http://127.0.0.1:${stack.port}`;
  const run = await machine.launchWith({ VERIFY_URL }, "verify", "--json");
  assert.equal(run.code, EXIT.ok, run.stderr);
  const checks = outcomes(run);
  assert.deepEqual([checks.accepted, checks.completed], ["ok", "ok"]);
  assert.equal(checks.counted, "not checked: --prometheus-url is not given");
  assert.equal(checks.panels, "not checked: --prometheus-url is not given");
});

Deno.test("verify --url fails as verify does, without advice about a stack that is not there", async () => {
  await using stack = fakeStack({
    key: "tp_secret",
    down: { job: "kafka-worker", error: "no route to host" },
  });
  await using machine = await createMachine();
  const url = `http://127.0.0.1:${stack.port}`;
  const refused = await machine.launch("verify", "--url", url);
  assert.equal(refused.code, EXIT.proof, refused.stderr);
  assert.match(refused.stderr, /did not accept the proof thought[\s\S]*401[\s\S]*read the log of its api/);
  assert.doesNotMatch(refused.stderr, /thought-processor logs/);
  const down = await machine.launch("verify", "--url", url, "--prometheus-url", url);
  assert.equal(down.code, EXIT.target);
  assert.match(down.stderr, /no route to host/);
});

Deno.test("verify --url says how to trust an authority of one's own", async () => {
  await using stack = fakeStack();
  await using own = await makeCertificates();
  await using api = Deno.serve(
    {
      port: 0,
      hostname: "127.0.0.1",
      cert: await Deno.readTextFile(own.server.certificate),
      key: await Deno.readTextFile(own.server.key),
      onListen() {},
    },
    ({ url, method, headers, body }) =>
      fetch(`http://127.0.0.1:${stack.port}${new URL(url).pathname}`, { method, headers, body }),
  );
  await using machine = await createMachine();
  const args = ["verify", "--url", `https://localhost:${api.addr.port}`];
  const untrusted = await machine.launch(...args);
  assert.equal(untrusted.code, EXIT.proof);
  assert.match(untrusted.stderr, /UnknownIssuer[\s\S]*DENO_CERT/);
  const trusted = await machine.launchWith({ DENO_CERT: own.authority }, ...args);
  assert.equal(trusted.code, EXIT.ok, trusted.stderr);
});

Deno.test("what verify --url cannot use is refused before anything is sent", async () => {
  await using machine = await createMachine();
  const nowhere = "http://127.0.0.1:1";
  await using page = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen() {} },
    ({ url }) =>
      url.includes("/moved/")
        ? new Response(null, { status: 301, headers: { location: "/login" } })
        : new Response("<html>Log in</html>", { headers: { "content-type": "text/html" } }),
  );
  const elsewhere = `http://127.0.0.1:${page.addr.port}`;
  const cases: [args: string[], code: number, said: RegExp][] = [
    [["--url", "thoughts.example.com"], EXIT.usage, /Give an address/],
    [["--url", nowhere, "--grafana-url", nowhere], EXIT.usage, /Grafana's login is missing/],
    [["--url", nowhere, "--prometheus-url", nowhere], EXIT.service, /Prometheus is not responding/],
    [["--url", nowhere, "--key-file", "/nowhere/key"], EXIT.prerequisite, /\/nowhere\/key/],
    [["--prometheus-url", nowhere], EXIT.usage, /'--prometheus-url'.*give --url or --context/],
    [["--namespace", "shop"], EXIT.usage, /'--namespace'.*give --url or --context/],
    [["--url", nowhere, "--loki", "logs/loki:80"], EXIT.usage, /'--loki <service>' cannot be used with/],
    [["--url", elsewhere], EXIT.proof, /is not the API's address[\s\S]*returns 200: <html>/],
    [["--url", `${elsewhere}/moved`], EXIT.proof, /is not the API's address[\s\S]*redirected to \S+\/login/],
    [["--url", nowhere], EXIT.proof, /cannot be sent[\s\S]*cannot be reached/],
  ];
  for (const [args, code, said] of cases) {
    const run = await machine.launch("verify", ...args);
    assert.equal(run.code, code, `${args}: ${run.stderr}`);
    assert.match(run.stderr, said);
  }
});
