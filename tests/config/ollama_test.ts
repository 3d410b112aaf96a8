/** docker-compose.ollama.yml: bounded and unprivileged like the rest of the stack, and the workers ask what it serves. */
import assert from "node:assert/strict";
import { parse } from "yaml";
import { loadConfig } from "../../core/config.ts";
import { type ComposeFile, interpolate, readRepositoryFile } from "../support/compose_file.ts";

const { services, volumes } = parse(interpolate(readRepositoryFile("docker-compose.ollama.yml")), {
  merge: true,
}) as ComposeFile;
const own = ["ollama", "ollama-model"].map((name) => services[name]!);

Deno.test("nothing of it starts without its profile", () => {
  for (const service of own) assert.deepEqual(service.profiles, ["ollama"]);
  assert.deepEqual(Object.keys(services), ["ollama", "ollama-model", "kafka-worker"]);
});

Deno.test("image pinned, no capabilities, a root file system that can't be written, bounded memory, CPU and logs", () => {
  for (const service of own) {
    assert.match(service.image, /^ollama\/ollama:\d+\.\d+\.\d+$/);
    assert.deepEqual([service.read_only, service.init, service.cap_drop], [true, true, ["ALL"]]);
    assert.deepEqual(service.security_opt, ["no-new-privileges:true"]);
    assert.deepEqual(Object.keys(service.deploy!.resources.limits), ["cpus", "memory", "pids"]);
    assert.deepEqual(Object.keys(service.logging!.options), ["max-size", "max-file"]);
    assert.equal(service.ports, undefined, "it is reached from inside alone");
  }
});

Deno.test("the model is kept in a volume, downloaded when the server answers", () => {
  assert.deepEqual(services["ollama"]!.volumes, ["ollama_models:/models"]);
  assert.ok("ollama_models" in volumes);
  assert.deepEqual(services["ollama-model"]!.depends_on, { ollama: { condition: "service_healthy" } });
  assert.ok(services["ollama"]!.healthcheck);
});

Deno.test("the workers ask for the model that is downloaded, by settings that they accept", () => {
  const env = services["kafka-worker"]!.environment!;
  const config = loadConfig({ env: (name) => env[name] === undefined ? undefined : String(env[name]) });
  assert.deepEqual([config.analyser, config.openaiBaseUrl], ["openai", "http://ollama:11434/v1"]);
  assert.equal(config.openaiModel, services["ollama-model"]!.command![1]);
});
