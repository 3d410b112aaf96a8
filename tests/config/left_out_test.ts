/** What config/prometheus-start.sh records of the jobs that are left out. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { parse } from "yaml";
import { ROOT } from "../support/process.ts";

Deno.test("Prometheus starts with a series for each job that is left out, and with its flags", async () => {
  const { rules, flags } = await start("grafana tempo", "--config.file=a b.yml");
  assert.deepEqual(flags, ["--config.file=a b.yml"]);
  assert.deepEqual(parse(rules!).groups[0].rules, [
    { record: "target:left_out", labels: { job: "grafana" }, expr: "vector(1)" },
    { record: "target:left_out", labels: { job: "tempo" }, expr: "vector(1)" },
  ]);
});

Deno.test("with nothing left out there is no such file, nor one of an earlier start", async () => {
  assert.equal((await start("")).rules, undefined);
});

/** Runs the script with a `prometheus` that prints its arguments. */
async function start(leftOut: string, ...args: string[]) {
  const dir = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(join(dir, "prometheus"), '#!/bin/sh\nprintf "%s\\n" "$@"\n', { mode: 0o755 });
    const file = join(dir, "left_out.yml");
    await Deno.writeTextFile(file, "of an earlier start");
    const { code, stdout } = await new Deno.Command("sh", {
      args: [`${ROOT}config/prometheus-start.sh`, ...args],
      env: { PATH: `${dir}:/usr/bin:/bin`, TMPDIR: dir, LEFT_OUT_JOBS: leftOut },
    }).output();
    assert.equal(code, 0);
    return {
      rules: await Deno.readTextFile(file).catch(() => undefined),
      flags: new TextDecoder().decode(stdout).trimEnd().split("\n"),
    };
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}
