/** The .env file: made once, with passwords of its own. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { makeEnvFile } from "./env_file.ts";

const EXAMPLE = "# words\n#DB_PASSWORD=default\nCACHE_PASSWORD=\n#OPENAI_API_KEY=\n#PORT=8000\n";

async function inTempDir(test: (path: string) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir();
  try {
    await test(join(dir, ".env"));
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

Deno.test("makeEnvFile() gives every password a value of its own, and only its owner may read it", () =>
  inTempDir(async (path) => {
    assert.equal(await makeEnvFile(path, EXAMPLE), true);
    const text = await Deno.readTextFile(path);
    const env = new Map([...text.matchAll(/^(\w+)=(.*)$/gm)].map(([, name, value]) => [name!, value!]));
    assert.deepEqual([...env.keys()], ["DB_PASSWORD", "CACHE_PASSWORD"]);
    assert.ok([...env.values()].every((value) => /^[\w-]{24}$/.test(value)));
    assert.notEqual(env.get("DB_PASSWORD"), env.get("CACHE_PASSWORD"));
    assert.match(text, /# words\n[^]*#OPENAI_API_KEY=\n#PORT=8000/);
    if (Deno.build.os !== "windows") assert.equal((await Deno.stat(path)).mode! & 0o777, 0o600);
  }));

Deno.test("makeEnvFile() never touches a file that is there", () =>
  inTempDir(async (path) => {
    await makeEnvFile(path, EXAMPLE);
    const before = await Deno.readTextFile(path);
    assert.equal(await makeEnvFile(path, EXAMPLE), false);
    assert.equal(await Deno.readTextFile(path), before);
  }));
