/** Where a packed launcher lays its files out. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { packedPaths, type Payload, stateDirectory } from "./paths.ts";

const PAYLOAD: Payload = {
  version: "1.2.3",
  files: { "docker-compose.yml": "name: tp\n", "config/a.sh": "#!/bin/sh\n" },
  executable: ["config/a.sh"],
};

async function inTempDir(test: (dir: string) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir();
  try {
    await test(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

Deno.test("packedPaths() lays the files out below their version; .env stands above it", () =>
  inTempDir(async (state) => {
    const paths = await packedPaths(PAYLOAD, state);
    assert.equal(paths.dir, join(state, "thought-processor", "1.2.3"));
    assert.equal(paths.envFile, join(state, "thought-processor", ".env"));
    assert.equal(await Deno.readTextFile(join(paths.dir, "docker-compose.yml")), "name: tp\n");
    if (Deno.build.os === "windows") return;
    assert.equal((await Deno.stat(join(paths.dir, "config/a.sh"))).mode! & 0o777, 0o755);
    assert.equal((await Deno.stat(join(paths.dir, "docker-compose.yml"))).mode! & 0o777, 0o644);
  }));

Deno.test("packedPaths() leaves right files alone, since containers have them mounted, and rewrites others", () =>
  inTempDir(async (state) => {
    const { dir } = await packedPaths(PAYLOAD, state);
    const [right, wrong] = [join(dir, "docker-compose.yml"), join(dir, "config/a.sh")];
    await Deno.utime(right, 1, 1);
    await Deno.writeTextFile(wrong, "changed");
    await packedPaths(PAYLOAD, state);
    assert.equal((await Deno.stat(right)).mtime!.getTime(), 1_000);
    assert.equal(await Deno.readTextFile(wrong), "#!/bin/sh\n");
  }));

Deno.test("stateDirectory() follows the XDG specification", () => {
  const of = (env: Record<string, string>) => stateDirectory((name) => env[name]);
  assert.equal(of({ XDG_STATE_HOME: "/x", HOME: "/h" }), "/x");
  assert.equal(of({ XDG_STATE_HOME: "relative", HOME: "/h" }), join("/h", ".local", "state"));
  assert.equal(of({ LOCALAPPDATA: "C:\\Users\\a" }), "C:\\Users\\a");
  assert.throws(() => of({}), /no folder for the stack/);
});
