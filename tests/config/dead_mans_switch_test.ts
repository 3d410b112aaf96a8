/**
 * What config/alertmanager-start.sh does with DEAD_MANS_SWITCH_URL, with a real Alertmanager (ALERTMANAGER or
 * PATH) and amtool. Without them the tests are skipped with a message; with REQUIRE_SERVICES=1, as in CI,
 * that is a failure.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { freePort } from "../support/free_port.ts";
import { ROOT } from "../support/process.ts";
import { waitFor } from "../support/wait.ts";

const ALERTMANAGER = Deno.env.get("ALERTMANAGER") ?? "prometheus-alertmanager";
const AMTOOL = Deno.env.get("AMTOOL") ?? "amtool";
const required = Deno.env.get("REQUIRE_SERVICES") === "1";
const programs = await Promise.all([ALERTMANAGER, AMTOOL].map(pathOf));
if (!programs.every(Boolean) && !required) {
  // deno-lint-ignore no-console -- a skipped test must not look like a passed one
  console.warn("SKIPPED: the dead man's switch. Put prometheus-alertmanager and amtool on PATH.");
}
const ignore = !programs.every(Boolean) && !required;

Deno.test({
  name: "with an address the Watchdog goes there too, and no other alert does",
  ignore,
  fn: async () => {
    const called: string[] = [];
    await using outside = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
      const { alerts } = await request.json() as { alerts: { labels: { alertname: string } }[] };
      called.push(`${new URL(request.url).pathname} ${alerts.map(({ labels }) => labels.alertname)}`);
      return new Response();
    });
    const url = `http://127.0.0.1:${outside.addr.port}/ping/a|b&c`;
    await using alertmanager = await startAlertmanager(url);
    await alertmanager.send("Watchdog", "ApiDown");
    await waitFor("the switch to be called", () => called.length > 0);
    assert.deepEqual(called, ["/ping/a%7Cb&c Watchdog"]);
    assert.deepEqual(await alertmanager.receivers("Watchdog"), ["api", "dead-mans-switch"]);
    assert.deepEqual(await alertmanager.receivers("ApiDown"), ["api"]);
    assert.doesNotMatch(alertmanager.said(), /dead man/);
  },
});

Deno.test({
  name: "without one there is no such receiver, and one that cannot be called costs no alert",
  ignore,
  fn: async () => {
    for (const url of ["", "hc-ping.com/1", "https://", 'https://a"b', "https://a\nb"]) {
      await using alertmanager = await startAlertmanager(url);
      await alertmanager.send("Watchdog");
      assert.deepEqual(await alertmanager.receivers("Watchdog"), ["api"], JSON.stringify(url));
      assert.equal(/no dead man's switch/.test(alertmanager.said()), url !== "", JSON.stringify(url));
    }
  },
});

/** Runs the script as its container does, with the programs under the names that they have there. */
async function startAlertmanager(url: string) {
  const dir = await Deno.makeTempDir();
  const [alertmanager, amtool] = programs;
  await Deno.mkdir(join(dir, "bin"));
  await Deno.symlink(alertmanager!, join(dir, "bin", "alertmanager"));
  await Deno.symlink(amtool!, join(dir, "bin", "amtool"));
  await Deno.writeTextFile(join(dir, "switch"), url);
  const port = freePort();
  const child = new Deno.Command("sh", {
    args: [
      `${ROOT}config/alertmanager-start.sh`,
      `--storage.path=${dir}/data`,
      `--web.listen-address=127.0.0.1:${port}`,
      "--cluster.listen-address=",
    ],
    env: {
      PATH: `${join(dir, "bin")}:/usr/bin:/bin`,
      TMPDIR: dir,
      ALERTMANAGER_CONFIG: `${ROOT}config/alertmanager.yml`,
      DEAD_MANS_SWITCH_FILE: join(dir, "switch"),
    },
    stdout: "null",
    stderr: "piped",
  }).spawn();
  let said = "";
  const reading = (async () => {
    for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) said += text;
  })();
  const api = `http://127.0.0.1:${port}/api/v2`;
  await waitFor("Alertmanager", async () => {
    const response = await fetch(`${api}/status`);
    await response.body?.cancel();
    return response.ok;
  }, { describe: () => said });
  return {
    said: () => said,
    async send(...names: string[]) {
      const alerts = names.map((alertname) => ({ labels: { alertname, severity: "none", component: "x" } }));
      const response = await fetch(`${api}/alerts`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(alerts),
      });
      assert.equal(response.status, 200, await response.text());
    },
    async receivers(name: string): Promise<string[]> {
      return await waitFor(`${name} to be there`, async () => {
        const filter = encodeURIComponent(`alertname="${name}"`);
        const [alert] = await (await fetch(`${api}/alerts?filter=${filter}`)).json();
        return alert?.receivers.map((receiver: { name: string }) => receiver.name).sort();
      });
    },
    async [Symbol.asyncDispose]() {
      child.kill("SIGTERM");
      await child.status;
      await reading;
      await Deno.remove(dir, { recursive: true });
    },
  };
}

async function pathOf(program: string): Promise<string | undefined> {
  const { success, stdout } = await new Deno.Command("sh", { args: ["-c", 'command -v "$0"', program] })
    .output();
  return success ? new TextDecoder().decode(stdout).trim() : undefined;
}
