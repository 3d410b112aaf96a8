/** Decisions can be found: each is linked from where it applies, and every library has its reason. */
import assert from "node:assert/strict";
import manifest from "../../deno.json" with { type: "json" };
import { markdownFiles, relativeLinks } from "./documents.ts";

Deno.test("every decision is linked from a document outside its folder", async () => {
  const files = (await markdownFiles(".")).filter((file) => !file.startsWith("./docs/decisions/"));
  const links = (await Promise.all(files.map(relativeLinks))).flat();
  const linked = new Set(links.map(({ target }) => target.split("#")[0]));
  const pages = await Array.fromAsync(Deno.readDir("docs/decisions"), ({ name }) => `docs/decisions/${name}`);
  assert.deepEqual(pages.filter((page) => !linked.has(page)).sort(), []);
});

Deno.test("every library has its line of reason in decision 7", async () => {
  const page = await Deno.readTextFile("docs/decisions/0007-libraries.md");
  const named = new Set(
    [...page.matchAll(/^\| ([^|]+) \|/gm)].flatMap(([, cell]) => cell!.trim().split(", ")),
  );
  const imported = Object.keys(manifest.imports).map((name) => name.replace(/\/$/, ""));
  assert.deepEqual(imported.filter((name) => !named.has(name)), []);
});
