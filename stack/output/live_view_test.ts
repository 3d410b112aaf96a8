/** The table on a terminal: what is settled shows as what it is. */
import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import type { WriteStream } from "node:tty";
import { stripVTControlCharacters } from "node:util";
import { fakeHost } from "../../tests/launcher/fake_host.ts";
import { type Check, runChecklist } from "../checklist.ts";
import { LaunchFailure } from "../failure.ts";
import { liveView } from "./live_view.ts";

/** The lines that stay on the screen. */
async function drawn(checks: readonly Check[]): Promise<string[]> {
  const stream = Object.assign(new PassThrough(), { isTTY: true, columns: 100, rows: 40 });
  let text = "";
  stream.on("data", (chunk) => text += chunk);
  const view = liveView(stream as unknown as WriteStream, () => ({ colour: false, columns: 100 }));
  await runChecklist(fakeHost(), view, { name: "doctor", checks });
  const lines = stripVTControlCharacters(text).split("\n").map((line) => line.trimEnd());
  return lines.slice(lines.findLastIndex((line) => line.includes("doctor  ")));
}

const ok: Check = { name: "docker", run: () => Promise.resolve("engine 28") };
const warn: Check = {
  name: "memory",
  run: () => Promise.resolve({ text: "only 3 GB", warn: true, notes: ["give it more"] }),
};
const failed: Check = {
  name: "ports",
  run: () => Promise.reject(new LaunchFailure("prerequisite", { what: "Port 1 is taken", next: [] })),
};
const skipped: Check = { name: "images", after: ["ports"], run: () => Promise.resolve("") };

Deno.test("a warning, a failure and a skipped check have a glyph each, and so has the worst of them as a whole", async () => {
  const lines = await drawn([ok, warn, failed, skipped]);
  const glyphs = lines.map((line) => /^\s*(\S) (\w+)/.exec(line)?.slice(1).join(" ")).filter(Boolean);
  assert.deepEqual(glyphs, ["✖ doctor", "✔ docker", "▲ memory", "✖ ports", "– images"], lines.join("\n"));
  assert.ok(lines.some((line) => line.trim() === "give it more"));
});

Deno.test("a checklist with a warning is a warning, and one that passed is not", async () => {
  assert.match((await drawn([ok, warn]))[0]!, /^▲ doctor {2}1 ok, 1 warning/);
  assert.match((await drawn([ok]))[0]!, /^✔ doctor {2}1 ok/);
});
