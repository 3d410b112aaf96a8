/** The output in a log or a pipe while a checklist runs. */
import assert from "node:assert/strict";
import { plainView } from "./plain_view.ts";

Deno.test("a slow check is reported every 15 s, with its progress", async () => {
  let text = "";
  const view = plainView((more) => text += more, { colour: false, columns: 100 });
  view.start("traffic", ["requests"]);
  for (let tenths = 0; tenths <= 400; tenths++) view.update("requests", `${tenths} sent`, tenths / 10);
  view.finish({ name: "requests", outcome: "ok", text: "400 sent", seconds: 40, notes: [] });
  await view.end({ name: "traffic", seconds: 40, checks: [] });
  assert.deepEqual(
    text.split("\n").map((line) => line.replaceAll(/ +/g, " ").trim()).slice(0, 4),
    ["traffic", "… requests 150 sent 15.0 s", "… requests 300 sent 30.0 s", "✔ requests 400 sent 40.0 s"],
  );
});

Deno.test("quick checks have one line each", () => {
  let text = "";
  const view = plainView((more) => text += more, { colour: false, columns: 100 });
  view.start("services", ["db", "api"]);
  for (const name of ["db", "api"]) view.update(name, "starting", 7);
  view.finish({ name: "db", outcome: "ok", text: "healthy", seconds: 8, notes: [] });
  assert.equal(text.split("\n").length, 3);
});
