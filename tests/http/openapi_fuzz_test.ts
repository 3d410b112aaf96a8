/**
 * Requests generated from the API's own OpenAPI document, by schemathesis: no 5xx, no response outside the
 * document.
 */
import assert from "node:assert/strict";
import { startApi } from "../../api/serve.ts";
import { makeKey, openKeys, SCOPES } from "../../api/keys.ts";
import { createLogger } from "../../core/telemetry/log.ts";
import { openTestDatabase } from "../support/databases.ts";
import { required } from "../support/services.ts";

const PROGRAM = "schemathesis";
const CHECKS = [
  "not_a_server_error",
  "status_code_conformance",
  "content_type_conformance",
  "response_headers_conformance",
  "response_schema_conformance",
  "unsupported_method",
  "ignored_auth",
];

const installed = isInstalled(PROGRAM);
if (required && !installed) throw new Error(`REQUIRE_SERVICES is set, but there is no ${PROGRAM} on PATH`);

Deno.test({
  name: `responses stay within the OpenAPI document${installed ? "" : ` (skipped: no ${PROGRAM} on PATH)`}`,
  ignore: !installed,
  async fn() {
    const log = createLogger({ service: "test", write: () => {} });
    const { key, line } = makeKey({ name: "fuzz", scopes: SCOPES });
    const folder = await Deno.makeTempDir();
    await Deno.writeTextFile(`${folder}/keys`, line);
    try {
      await using database = await openTestDatabase("pglite");
      const access = { keys: openKeys({ paths: [`${folder}/keys`], log }) };
      // No worker runs, so that a stream would stay open for minutes.
      const limits = { events: { deadlineMs: 500 } };
      await using api = startApi({ database, log, host: "127.0.0.1", port: 0, access, limits });
      const { success, stdout, stderr } = await new Deno.Command(PROGRAM, {
        args: [
          "run",
          `${api.url}/openapi.json`,
          `--checks=${CHECKS.join(",")}`,
          "--max-examples=20",
          "--request-timeout=10",
          "--no-color",
          `--header=Authorization: Bearer ${key}`,
        ],
        cwd: folder,
        stdout: "piped",
        stderr: "piped",
      }).output();
      const text = new TextDecoder();
      assert.ok(success, text.decode(stdout) + text.decode(stderr));
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

function isInstalled(program: string): boolean {
  try {
    return new Deno.Command(program, { args: ["--version"], stdout: "null", stderr: "null" }).outputSync()
      .success;
  } catch {
    return false;
  }
}
