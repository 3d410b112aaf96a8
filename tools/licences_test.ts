/** Licences of the packages and images: which ones are allowed, and where their texts go. */
import assert from "node:assert/strict";
import manifest from "../deno.json" with { type: "json" };
import { readComposeFile } from "../tests/support/compose_file.ts";
import { DEVELOPMENT_ONLY, licenceOffences } from "./licences.ts";
import { launcherNotices } from "./notices.ts";
import { type Package, readPackages } from "./packages.ts";

const packages = await readPackages(manifest.imports);
const named = (name: string) => packages.find((pack) => pack.name === name)!;

Deno.test("every package of the lock file has a licence that allows distributing this project", async () => {
  const lock: Record<string, unknown> = JSON.parse(await Deno.readTextFile("deno.lock")).npm;
  const locked = Object.keys(lock).map((id) => /^@?[^_@]+@[^_]+/.exec(id)![0]);
  assert.deepEqual(
    packages.map(({ name, version }) => `${name}@${version}`).sort(),
    [...new Set(locked)].sort(),
  );
  assert.deepEqual(licenceOffences(packages), []);
});

Deno.test("a licence that is not on the list is an offence, and so is a development licence in what is distributed", () => {
  const pack = (licence: string, goesInto: Package["goesInto"], name = "some-package"): Package => ({
    name,
    version: "1.0.0",
    licence,
    direct: true,
    neededBy: [],
    goesInto,
    folder: "/nowhere",
  });
  assert.deepEqual(licenceOffences([pack("MIT", ["launcher"])]), []);
  assert.equal(licenceOffences([pack("AGPL-3.0-only", [])]).length, 1);
  assert.equal(
    licenceOffences([pack("MIT OR GPL-2.0", [])]).length,
    1,
    "a person judges an expression",
  );
  assert.equal(licenceOffences([pack("MPL-2.0", [], "axe-core")]).length, 0);
  assert.equal(licenceOffences([pack("MPL-2.0", ["launcher"], "axe-core")]).length, 1);
});

Deno.test("the launcher's notices have the terms of every package in it, and of no other", async () => {
  const text = await launcherNotices(packages);
  for (const { name, version, licence, goesInto } of packages) {
    assert.equal(text.includes(`${name} ${version} (${licence})\n\n`), goesInto.includes("launcher"), name);
  }
  const notices = text.split("-".repeat(80));
  for (const notice of notices) assert.match(notice, /copyright|apache license|public domain/i);
});

Deno.test("exceptions are for packages that exist", () => {
  for (const name of Object.keys(DEVELOPMENT_ONLY)) assert.ok(named(name), name);
});

Deno.test("packages are distinguished by how they come in, and where they go", () => {
  assert.deepEqual(named("listr2").goesInto, ["launcher"]);
  assert.deepEqual(named("kafkajs").goesInto, ["image"]);
  assert.deepEqual(named("zod").goesInto, ["launcher", "image"]);
  assert.deepEqual(named("axe-core").goesInto, []);
  assert.equal(named("listr2").direct, true);
  assert.deepEqual(named("log-update").neededBy, ["listr2"]);
  assert.equal(named("log-update").direct, false);
  assert.deepEqual(named("log-update").goesInto, ["launcher"], "through listr2");
});

Deno.test("the page names the program of every image", async () => {
  const page = await Deno.readTextFile("docs/licences.md");
  const images = [...Object.values(readComposeFile().services).map(({ image }) => image), "denoland/deno:"];
  for (const image of images) {
    if (image === "thought-processor") continue;
    assert.ok(page.includes(`\`${image.split(":")[0]}\``), image);
  }
});
