/** The audit, against a registry on loopback. */
import assert from "node:assert/strict";
import manifest from "../deno.json" with { type: "json" };

const ADVISORY = {
  id: 1,
  url: "https://example.com/advisory",
  title: "an advisory made up for this test",
  severity: "high",
  vulnerable_versions: "<99",
  cwe: [],
};

Deno.test("a known vulnerability fails the audit, and is named", async () => {
  const { code, said } = await auditAgainst(() => Response.json({ kafkajs: [ADVISORY] }));
  assert.equal(code, 1);
  assert.match(said, /an advisory made up for this test[\s\S]*kafkajs/);
});

Deno.test("no known vulnerability passes it", async () => {
  const { code, said } = await auditAgainst(() => Response.json({}));
  assert.deepEqual([code, said.trim()], [0, "No known vulnerabilities found"]);
});

Deno.test("a registry that returns an error is reported, and passes", async () => {
  const { code, said } = await auditAgainst(() => new Response("no", { status: 503 }));
  assert.equal(code, 0);
  assert.match(said, /Failed to get data from the registry/);
});

Deno.test("a registry that stays silent is waited for 10 seconds, reported, and passes", async () => {
  // The kernel completes the connection, and nothing reads from it.
  using silent = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  const { code, said } = await auditWith(silent.addr.port);
  assert.equal(code, 0);
  assert.match(said, /Not audited: the registry did not respond within 10 s/);
});

Deno.test("the gate audits, on a laptop and in CI", async () => {
  assert.match(manifest.tasks.ok.command, /deno task audit/);
  assert.match(await Deno.readTextFile(".ci/run"), /^deno task audit \|\| status=1$/m);
});

/** Runs the audit with a registry that returns this to each request. */
async function auditAgainst(answer: () => Response) {
  await using registry = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, answer);
  return await auditWith(registry.addr.port);
}

/** Runs the task's command with a registry on this port. */
async function auditWith(port: number) {
  const [program, ...args] = manifest.tasks.audit.command.split(" ");
  const { code, stdout, stderr } = await new Deno.Command(program!, {
    args,
    env: { NPM_CONFIG_REGISTRY: `http://127.0.0.1:${port}`, NO_COLOR: "1" },
  }).output();
  const text = new TextDecoder();
  return { code, said: text.decode(stdout) + text.decode(stderr) };
}
