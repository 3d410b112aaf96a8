/** One process with everything embedded, whose disk fills up, and has room again. */
import assert from "node:assert/strict";
import { CAN_MOUNT, mountSmallDisk } from "../faults/small_disk.ts";
import { loggedUrl, startProcess } from "../support/process.ts";
import { waitFor } from "../support/wait.ts";

Deno.test({
  name: "an embedded store with a full disk refuses thoughts with 503, names the cause, and takes them again",
  ignore: !CAN_MOUNT,
  async fn() {
    await using disk = await mountSmallDisk(90);
    await using program = startProcess({
      args: ["--no-prompt", "-P=dev", `--allow-write=${disk.folder}`, "dev.ts"],
      env: { DATA_DIR: disk.folder, API_PORT: "0", WORKER_PORT: "0" },
    });
    const url = await loggedUrl(program, "url");
    /** Posts a long thought: a file that has room left takes a few more after the disk is full. */
    const post = () =>
      fetch(`${url}/thoughts`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ user_id: "ada", text: `Thought ${"x".repeat(9_000)}` }),
      });
    const posted = (status: number) =>
      waitFor(`a response of ${status}`, async () => {
        const response = await post();
        if (response.status === status) return response;
        await response.body?.cancel();
        assert.ok([201, 503].includes(response.status), `${response.status}`);
        return undefined;
      }, { timeoutMs: 60_000, describe: () => program.stdout().slice(-2_000) });

    const accepted = (await (await posted(201)).json()).id as string;
    {
      using _full = disk.fill();
      const refused = await posted(503);
      assert.ok(Number(refused.headers.get("retry-after")) > 0);
      assert.equal((await refused.json()).type, "/problems/unavailable");
      await waitFor("the cause", async () => {
        const ready = await fetch(`${url}/health/ready`);
        const { dependencies } = await ready.json();
        return ready.status === 503 && dependencies.database.reason === "its disk is full";
      });
      const read = await fetch(`${url}/thoughts/${accepted}`);
      assert.equal(read.status, 200, "what is stored can be read");
      await read.body?.cancel();
    }
    await (await posted(201)).body?.cancel();
    await waitFor("ready again", async () => {
      const ready = await fetch(`${url}/health/ready`);
      await ready.body?.cancel();
      return ready.ok;
    });
  },
});
