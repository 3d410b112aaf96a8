/** Whatever the compose file, the image or a configuration needs is carried by a packed launcher. */
import assert from "node:assert/strict";
import { join, relative } from "node:path";
import { parse } from "yaml";
import type { Payload } from "../paths.ts";
import { collectPayload } from "./payload.ts";

const root = join(import.meta.dirname!, "..", "..");

function missing(payload: Payload, needed: readonly string[]): string[] {
  const carried = Object.keys(payload.files);
  return needed.filter((path) => !carried.some((file) => file === path || file.startsWith(`${path}/`)));
}

/** Everything docker-compose.yml mounts from the checkout. */
function mounted(compose: string): string[] {
  const services: { volumes?: string[] }[] = Object.values(parse(compose, { merge: true }).services);
  return services.flatMap((s) => s.volumes ?? [])
    .filter((volume) => volume.startsWith("./"))
    .map((volume) => volume.slice(2).split(":")[0]!);
}

/** Everything the Dockerfile copies from the checkout. */
function copied(dockerfile: string): string[] {
  return [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, sources]) =>
    sources!.split(" ")
  );
}

/** Every module of ours that a program imports, however far. */
async function imported(program: string): Promise<string[]> {
  const command = new Deno.Command(Deno.execPath(), { args: ["info", "--json", program], cwd: root });
  const { modules } = JSON.parse(new TextDecoder().decode((await command.output()).stdout));
  return modules.flatMap((m: { local?: string }) => m.local ? [relative(root, m.local)] : [])
    .filter((path: string) => !path.startsWith(".."));
}

Deno.test("everything that docker-compose.yml and the Dockerfile name is carried", async () => {
  const payload = await collectPayload(root, "0");
  const named = [...mounted(payload.files["docker-compose.yml"]!), ...copied(payload.files["Dockerfile"]!)];
  assert.ok(named.includes("config/prometheus.yml") && named.includes("core"), `${named}`);
  assert.deepEqual(missing(payload, [...named, ".env.example", ".dockerignore"]), []);
});

Deno.test("everything that the API and the worker import is carried", async () => {
  const payload = await collectPayload(root, "0");
  for (const program of ["api/main.ts", "worker/main.ts", "worker/operate.ts"]) {
    const modules = await imported(program);
    assert.ok(modules.length > 10, `${program} imports next to nothing`);
    assert.deepEqual(missing(payload, modules), [], program);
  }
});

Deno.test("a file that is missing is noticed", async () => {
  const { files, ...payload } = await collectPayload(root, "0");
  delete (files as Record<string, string>)["config/loki-config.yml"];
  assert.deepEqual(missing({ files, ...payload }, mounted(files["docker-compose.yml"]!)), [
    "config/loki-config.yml",
  ]);
});

Deno.test("tests and secrets stay behind, scripts stay executable", async () => {
  const { files, executable } = await collectPayload(root, "0");
  const names = Object.keys(files);
  assert.deepEqual(names.filter((name) => /_test\.|(^|\/)\.env$|^\.git/.test(name)), []);
  if (Deno.build.os !== "windows") assert.ok(executable.includes("config/http-probe.sh"), `${executable}`);
});
