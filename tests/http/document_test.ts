/**
 * The OpenAPI document as others' tools read it: two linters with their recommended rules, and a typed client generated
 * from it. Needs the tools that `.ci/services install` brings.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { makeKey } from "../../api/keys.ts";
import { loggedUrl, ROOT, startProcess } from "../support/process.ts";
import { required } from "../support/services.ts";
import { openTestApp } from "../support/test_app.ts";

const TOOLS = ["redocly", "spectral", "openapi-typescript"];
const missing = TOOLS.filter((tool) => !isInstalled(tool));
if (required && missing.length > 0) {
  throw new Error(`REQUIRE_SERVICES is set, but there is no ${missing} on PATH`);
}

/** A program that knows the API by the generated types alone; it ends with what it found. */
const CLIENT = `
import createClient from "openapi-fetch";
import type { components, paths, webhooks } from "./types.ts";

const [baseUrl = "", key = ""] = Deno.args;
const api = createClient<paths>({ baseUrl, headers: { authorization: \`Bearer \${key}\` } });

const saved = await api.PUT("/webhook", { body: { url: "https://example.org/thoughts" } });
const webhook = await api.GET("/webhook");
const unhooked = await api.DELETE("/webhook");
/** What a receiver may rely on. */
type Completed = webhooks["thought.completed"]["post"]["requestBody"]["content"]["application/json"];
const status: Completed["data"]["status"] = "completed";

const stop = new AbortController();
const followed = await api.GET("/events", { params: { query: { user_id: "ada" } }, parseAs: "stream", signal: stop.signal });

const created = await api.POST("/thoughts", { body: { user_id: "ada", text: "I should call the dentist" } });
if (created.data === undefined) throw new Error(created.error.title);
const { id } = created.data;

let thought: components["schemas"]["Thought"] | undefined;
while (thought?.status !== status) {
  await new Promise((resolve) => setTimeout(resolve, 50));
  thought = (await api.GET("/thoughts/{id}", { params: { path: { id } } })).data;
}
const events = followed.data?.pipeThrough(new TextDecoderStream()).getReader();
let told = "";
while (!told.includes(id)) told += (await events?.read())?.value ?? "";
stop.abort();

const bulk = await api.POST("/thoughts/bulk", {
  body: { thoughts: [{ user_id: "ada", text: "Buy milk" }, { user_id: "eve", text: "Not mine to post" }] },
  params: { header: { "idempotency-key": "once" } },
});
const found = await api.GET("/thoughts", {
  params: { query: { q: "MILK", created_after: thought.created_at, order: "asc", fields: ["text", "timeline"] } },
});
const page = await api.GET("/thoughts", { params: { query: { user_id: "ada", status: "completed", order: "asc", limit: 1 } } });
const deleted = await api.DELETE("/thoughts/{id}", { params: { path: { id } } });
const gone = await api.GET("/thoughts/{id}", { params: { path: { id } } });

console.log(JSON.stringify({
  text: thought.text,
  type: thought.result?.classification.type,
  listed: page.data?.thoughts.map((thought) => thought.id === id),
  deleted: deleted.response.status,
  stations: Object.values(thought.timeline).filter((station) => station !== null).length,
  bulk: bulk.data?.thoughts.map((one) => one.outcome === "refused" ? one.problem.code : one.outcome),
  found: found.data?.thoughts.map(({ text, timeline }) => [text, timeline !== undefined]),
  followed: followed.response.headers.get("content-type"),
  webhook: [saved.data?.secret.slice(0, 6), webhook.data?.url, webhook.data?.pending, unhooked.response.status],
  problem: gone.error?.code satisfies components["schemas"]["Problem"]["code"] | undefined,
}));
`;

Deno.test({
  name: `the OpenAPI document${missing.length === 0 ? "" : ` (skipped: no ${missing} on PATH)`}`,
  ignore: missing.length > 0,
  async fn(t) {
    const folder = await Deno.makeTempDir({ dir: ROOT, prefix: ".document-" });
    await using stack = new AsyncDisposableStack();
    stack.defer(() => Deno.remove(folder, { recursive: true }));
    const document = join(folder, "openapi.json");
    await using app = await openTestApp({ kind: "away" });
    await Deno.writeTextFile(document, await (await app.request("/openapi.json")).text());

    await t.step("Redocly's recommended rules find nothing", async () => {
      const found = await run("redocly", "lint", document, "--extends=recommended", "--format=json");
      assert.deepEqual(JSON.parse(found).problems, []);
    });

    await t.step("Spectral's recommended rules find nothing", async () => {
      const ruleset = join(folder, "spectral.yaml");
      await Deno.writeTextFile(ruleset, 'extends: "spectral:oas"\n');
      const args = [
        "lint",
        document,
        `--ruleset=${ruleset}`,
        "--format=json",
        "--quiet",
        "--fail-severity=hint",
      ];
      assert.deepEqual(JSON.parse(await run("spectral", ...args)), []);
    });

    await t.step("a client generated from it compiles, and takes a thought through its life", async () => {
      await run("openapi-typescript", document, "--output", join(folder, "types.ts"));
      const client = join(folder, "client.ts");
      await Deno.writeTextFile(client, CLIENT);
      const { key, line } = makeKey({ name: "ada", user: "ada" });
      await Deno.writeTextFile(join(folder, "keys"), line);
      const dataDir = `.data/${crypto.randomUUID()}`; // the only folder that the program may write to
      stack.defer(() => Deno.remove(join(ROOT, dataDir), { recursive: true }));
      const program = stack.use(startProcess({
        args: ["-P=dev", "dev.ts"],
        env: { DATA_DIR: dataDir, API_PORT: "0", WORKER_PORT: "0", API_KEYS_FILE: join(folder, "keys") },
      }));
      const url = await loggedUrl(program, "url");
      const printed = await run(Deno.execPath(), "run", "--check", "--quiet", "-A", client, url, key);
      assert.deepEqual(JSON.parse(printed), {
        text: "I should call the dentist",
        type: "task",
        listed: [true],
        deleted: 204,
        stations: 7,
        bulk: ["stored", "forbidden"],
        found: [["Buy milk", true]],
        followed: "text/event-stream",
        webhook: ["whsec_", "https://example.org/thoughts", 0, 204],
        problem: "thought-not-found",
      });
    });
  },
});

/** @returns what the program printed. @throws {Error} with all of it, when it fails */
async function run(program: string, ...args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(program, { args, cwd: ROOT }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  assert.ok(success, `${program} ${args.join(" ")}\n${text(stdout)}${text(stderr)}`);
  return text(stdout);
}

function isInstalled(program: string): boolean {
  try {
    return new Deno.Command(program, { args: ["--version"], stdout: "null", stderr: "null" }).outputSync()
      .success;
  } catch {
    return false;
  }
}
