import assert from "node:assert/strict";
import { join } from "node:path";
import { packedHome, type Payload, stateDirectory } from "./paths.ts";

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

Deno.test("packedHome() lays the files out below their version; .env stands above it", () =>
  inTempDir(async (state) => {
    const home = await packedHome(PAYLOAD, state);
    assert.equal(home.dir, join(state, "thought-processor", "1.2.3"));
    assert.equal(home.envFile, join(state, "thought-processor", ".env"));
    assert.equal(await Deno.readTextFile(join(home.dir, "docker-compose.yml")), "name: tp\n");
    if (Deno.build.os === "windows") return;
    assert.equal((await Deno.stat(join(home.dir, "config/a.sh"))).mode! & 0o777, 0o755);
    assert.equal((await Deno.stat(join(home.dir, "docker-compose.yml"))).mode! & 0o777, 0o644);
  }));

Deno.test("packedHome() leaves right files alone, since containers have them mounted, and mends others", () =>
  inTempDir(async (state) => {
    const { dir } = await packedHome(PAYLOAD, state);
    const [right, wrong] = [join(dir, "docker-compose.yml"), join(dir, "config/a.sh")];
    await Deno.utime(right, 1, 1);
    await Deno.writeTextFile(wrong, "changed");
    await packedHome(PAYLOAD, state);
    assert.equal((await Deno.stat(right)).mtime!.getTime(), 1000);
    assert.equal(await Deno.readTextFile(wrong), "#!/bin/sh\n");
  }));

Deno.test("stateDirectory() follows the XDG specification", () => {
  const of = (env: Record<string, string>) => stateDirectory((name) => env[name]);
  assert.equal(of({ XDG_STATE_HOME: "/x", HOME: "/h" }), "/x");
  assert.equal(of({ XDG_STATE_HOME: "relative", HOME: "/h" }), join("/h", ".local", "state"));
  assert.equal(of({ LOCALAPPDATA: "C:\\Users\\a" }), "C:\\Users\\a");
  assert.throws(() => of({}), /none of XDG_STATE_HOME/);
});
