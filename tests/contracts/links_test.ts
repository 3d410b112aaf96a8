/**
 * Every relative link in our documents, and every path in an alert's runbook_url, leads to a heading that
 * exists.
 */
import assert from "node:assert/strict";
import { normalize } from "node:path/posix";
import { type Link, markdownFiles, relativeLinks } from "./documents.ts";
import { readRules } from "./rules.ts";

Deno.test("every relative link in a document leads to a file and a heading that exist", async () => {
  const files = await markdownFiles(".");
  const links = (await Promise.all(files.map(relativeLinks))).flat();
  assert.ok(links.length > 100, `found only ${links.length} links`);
  assert.deepEqual(await broken(links), []);
});

/** A path of ours in running text, as in `core/queue/queue.ts` or docs/decisions/0013. */
const PATH =
  /\b(?:api|bench|config|core|stack|tests|tools|worker)\/[\w./-]*\w\.(?:tsx?|js|sql|ya?ml|json|sh|txt)\b(?:\.example)?/g;
/** They describe the past, or what a reader has to create. */
const NOT_NOW = ["CHANGELOG.md", "docs/decisions/0008-rooms.md", "docs/decisions/0009-documents.md"];

Deno.test("every file that a document or a configuration names exists", async () => {
  const documents = (await markdownFiles(".")).map((file) => normalize(file));
  const configurations = ["docker-compose.yml", "Dockerfile", ".env.example", ...await filesBelow("config")];
  const missing: string[] = [];
  for (const file of [...documents, ...configurations].filter((file) => !NOT_NOW.includes(file))) {
    const text = await Deno.readTextFile(file);
    const created = new Set([...text.matchAll(/Create `([^`]+)`/g)].map(([, path]) => path));
    for (const [path] of text.matchAll(PATH)) {
      if (!created.has(path) && !await exists(path)) missing.push(`${file}: ${path}`);
    }
  }
  assert.deepEqual(missing, []);
});

Deno.test("every runbook_url names a heading of docs/runbooks.md, which the API serves", async () => {
  const links = (await readRules()).flatMap(({ file, annotations }) =>
    annotations?.runbook_url === undefined ? [] : [{
      from: file,
      target: annotations.runbook_url.replace(
        /^\{\{ \$externalLabels\.runbooks \}\}\/(\w+)$/,
        (_, alert) => `docs/runbooks.md#${alert.toLowerCase()}`,
      ),
    }]
  );
  assert.ok(links.length > 30, `found only ${links.length} links`);
  assert.deepEqual(await broken(links), []);
});

async function broken(links: readonly Link[]): Promise<string[]> {
  const results = await Promise.all(links.map(async ({ from, target }) => {
    const [path = "", anchor] = target.split("#");
    if (!await exists(path)) return [`${from}: no file ${path}`];
    if (anchor === undefined || (await anchorsOf(path)).includes(anchor)) return [];
    return [`${from}: ${path} has no heading #${anchor}`];
  }));
  return results.flat();
}

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await Array.fromAsync(Deno.readDir(folder));
  const below = entries.filter(({ name }) => /\.(ya?ml|sh)$/.test(name) || !name.includes(".")).map(
    async ({ name, isDirectory }) =>
      isDirectory ? await filesBelow(`${folder}/${name}`) : [`${folder}/${name}`],
  );
  return (await Promise.all(below)).flat();
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}

/** As GitHub makes them: lower case, without punctuation, spaces as hyphens. */
async function anchorsOf(path: string): Promise<string[]> {
  const text = (await Deno.readTextFile(path)).replaceAll(/^```[\s\S]*?^```/gm, "");
  return [...text.matchAll(/^#{1,6} (.+)$/gm)].map(([, heading = ""]) =>
    heading.toLowerCase().replaceAll(/[^\p{L}\p{N} _-]/gu, "").replaceAll(" ", "-")
  );
}
