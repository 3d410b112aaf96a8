/** One process with everything embedded, stopped while it works: the next one continues at once. */
import assert from "node:assert/strict";
import { loggedUrl, startProcess } from "../support/process.ts";
import { waitFor } from "../support/wait.ts";

const THOUGHTS = 30;
/** Far below the two minutes after which a message otherwise counts as lost. */
const AT_ONCE_MS = 30_000;

Deno.test("after Ctrl-C with 30 thoughts waiting the next start continues at once", async () => {
  const folder = await Deno.makeTempDir();
  const start = (analyser: string) =>
    startProcess({
      args: ["--no-prompt", "-P=dev", `--allow-write=${folder}`, "dev.ts"],
      env: { DATA_DIR: folder, API_PORT: "0", WORKER_PORT: "0", ANALYSER: analyser },
    });
  const count = async (url: string, status: string) => {
    const response = await fetch(`${url}/thoughts?limit=100&status=${status}`);
    return response.ok ? ((await response.json()) as { thoughts: unknown[] }).thoughts.length : undefined;
  };
  try {
    {
      await using first = start("slow");
      const url = await loggedUrl(first, "url");
      for (let n = 0; n < THOUGHTS; n++) {
        const response = await fetch(`${url}/thoughts`, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify({ user_id: "ada", text: `Thought ${n}` }),
        });
        assert.equal(response.status, 201);
        await response.body?.cancel();
      }
      await waitFor("work under way", async () => (await count(url, "processing") ?? 0) > 0);
      first.kill("SIGINT");
      assert.equal((await first.status).code, 0);
    }
    await using second = start("local");
    const url = await loggedUrl(second, "url");
    await waitFor("all of them", async () => await count(url, "completed") === THOUGHTS, {
      timeoutMs: AT_ONCE_MS,
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
