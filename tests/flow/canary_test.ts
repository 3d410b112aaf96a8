/**
 * The canary's program against a real API and worker: what it finds, and that its thoughts are counted
 * nowhere else.
 */
import assert from "node:assert/strict";
import { makeKey } from "../../api/keys.ts";
import { CANARY_USER } from "../../core/thought.ts";
import { createKeyFile } from "../support/key_file.ts";
import { loggedUrl, ROOT, startProcess } from "../support/process.ts";
import { waitFor } from "../support/wait.ts";

Deno.test("the canary's thoughts come through with its key, and no business metric and no listing has them", async () => {
  const folder = `.data/test-${crypto.randomUUID()}`;
  await Deno.mkdir(ROOT + folder, { recursive: true });
  const own = makeKey({ name: "canary", user: CANARY_USER });
  const everybody = makeKey({ name: "test" });
  using people = createKeyFile(everybody.line);
  await Deno.writeTextFile(`${ROOT}${folder}/own-keys`, own.line);
  await Deno.writeTextFile(`${ROOT}${folder}/canary-key`, `${own.key}\n`);
  try {
    await using dev = startProcess({
      args: ["-P=dev", "dev.ts"],
      env: {
        DATA_DIR: folder,
        API_PORT: "0",
        WORKER_PORT: "0",
        API_KEYS_FILE: `${people.path},${folder}/own-keys`,
      },
    });
    const api = await loggedUrl(dev, "url");
    const worker = await waitFor(
      "the worker's address",
      () => /\/metrics +(\S+)\/metrics/.exec(dev.stderr())?.[1],
    );
    await using canary = startProcess({
      args: [
        "-P=canary",
        "canary/main.ts",
        `--api=${api}`,
        `--worker=${worker}`,
        `--key-file=${folder}/canary-key`,
        "--tempo=http://127.0.0.1:1", // nobody is there: not looked at
        "--otlp=http://127.0.0.1:1",
        "--every=1",
        "--port=0",
      ],
      env: {},
    });
    const metrics = await loggedUrl(canary, "metrics");
    await waitFor("two runs", async () => await sample(metrics, 'canary_runs_total{outcome="ok"}') >= 2, {
      timeoutMs: 60_000,
      describe: canary.stdout,
    });
    assert.equal(await sample(metrics, "canary_success"), 1);
    assert.ok(await sample(metrics, 'canary_step_seconds{step="completed"}') > 0);
    assert.equal((await fetch(`${metrics}/health/live`).then((response) => response.json())).status, "up");

    // One that stays, as when its deletion was lost.
    const body = JSON.stringify({ user_id: CANARY_USER, text: "It stays" });
    const headers = { "content-type": "application/json", authorization: `Bearer ${everybody.key}` };
    const { id } = await (await fetch(`${api}/thoughts`, { method: "POST", headers, body })).json();
    await waitFor(
      "its result",
      async () => (await (await fetch(`${api}/thoughts/${id}`, { headers })).json()).status === "completed",
    );
    const list = async (query: string) =>
      (await (await fetch(`${api}/thoughts?${query}`, { headers })).json()).thoughts;
    assert.deepEqual(await list("limit=10"), []);
    assert.ok((await list(`user_id=${CANARY_USER}`)).some((thought: { id: string }) => thought.id === id));
    assert.ok(await sample(worker, 'batch_processor_canary_thoughts_total{outcome="completed"}') >= 3);
    for (
      const series of [
        "batch_processor_thoughts_processed_total",
        "batch_processor_cache_hits_total",
        "batch_processor_cache_misses_total",
        'batch_processor_end_to_end_seconds_count{priority="interactive"}',
        "batch_processor_processing_duration_seconds_count",
      ]
    ) assert.equal(await sample(worker, series), 0, series);
    assert.equal(await sample(api, "thoughts_accepted_total"), 0);
    assert.ok(await sample(api, 'http_requests_total{method="POST",route="/thoughts",status="201"}') >= 3);
  } finally {
    await Deno.remove(ROOT + folder, { recursive: true });
  }
});

/** The value of a series; 0 where there is none. */
async function sample(url: string, series: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const line = text.split("\n").find((line) => line.startsWith(`${series} `));
  return line === undefined ? 0 : Number(line.slice(series.length));
}
