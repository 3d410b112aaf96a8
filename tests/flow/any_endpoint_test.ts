/** A model at whatever address: what `deno task dev` may reach follows from its settings. */
import assert from "node:assert/strict";
import { startFakeOpenAi } from "../support/fake_openai.ts";
import { loggedUrl, type ProcessOptions, startProcess } from "../support/process.ts";
import { waitFor } from "../support/wait.ts";

/** Another address of this machine, which no permission set names. Elsewhere than on Linux it must be set up first. */
const ELSEWHERE = "127.0.0.2";
const ignore = Deno.build.os !== "linux";

/** Posts a thought to `deno task dev` with a model elsewhere. */
async function withModelElsewhere(
  how: Pick<ProcessOptions, "command" | "args">,
  test: (dev: { readonly logged: () => string; readonly status: () => Promise<string> }) => Promise<void>,
) {
  await using model = startFakeOpenAi(undefined, { hostname: ELSEWHERE });
  const folder = `.data/test-${crypto.randomUUID()}`;
  try {
    await using dev = startProcess({
      ...how,
      env: {
        DATA_DIR: folder,
        API_PORT: "0",
        WORKER_PORT: "0",
        ANALYSER: "openai",
        OPENAI_BASE_URL: model.url,
        RETRY_FIRST_MS: "50",
      },
    });
    const url = await loggedUrl(dev, "url");
    const response = await fetch(`${url}/thoughts`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ user_id: "ada", text: "Somewhere over the network" }),
    });
    const { id } = await response.json();
    const status = async () => (await (await fetch(`${url}/thoughts/${id}`)).json()).status;
    await test({ logged: () => dev.stdout(), status });
  } finally {
    await Deno.remove(folder, { recursive: true }).catch(() => {});
  }
}

Deno.test({
  name: "`deno task dev` reaches a model at an address that nobody has permitted by hand",
  ignore,
  fn: () =>
    withModelElsewhere({ command: "task", args: ["dev"] }, async ({ status, logged }) => {
      await waitFor("the thought's result", async () => await status() === "completed", { describe: logged });
    }),
});

Deno.test({
  name: "without its start step the program goes on, names what it may not reach, and the mend",
  ignore,
  fn: () =>
    withModelElsewhere({ args: ["--no-prompt", "-P=dev", "dev.ts"] }, async ({ logged }) => {
      await waitFor("a line that says so", () => /may not connect to it/.test(logged()), {
        describe: logged,
      });
      assert.match(logged(), /127\.0\.0\.2 failed.*Start it by its task/);
    }),
});
