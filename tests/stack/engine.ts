/** Docker under the stack test, and whether the stack can run here at all. */
import { createDocker } from "../../stack/docker/docker.ts";
import { localHost, type Output } from "../../stack/host.ts";
import { ROOT } from "../support/process.ts";

/** `up` builds an image and starts 19 containers. */
const DEADLINE_MS = 10 * 60_000;
const host = localHost(new AbortController().signal);
const engine = createDocker(host);

/** Runs `docker` in the repository's folder. */
export function docker(args: readonly string[], env: Record<string, string> = {}): Promise<Output> {
  return host.run("docker", args, { cwd: ROOT, env, deadlineMs: DEADLINE_MS });
}

/** Why Docker cannot run the stack here; undefined when it can. */
export async function whyNoEngine(): Promise<string | undefined> {
  const state = await engine.engine();
  if (state.state === "absent") return "there is no docker command";
  if (state.state === "unreachable") return `there is no Docker engine: ${state.why}`;
  return await engine.composeVersion() ? undefined : "there is no docker compose";
}

/** The images of the stack that are not on this machine. `up` would pull them. */
export async function missingImages(): Promise<string[]> {
  const { stdout } = await docker(["compose", "--profile", "monitoring", "config", "--images"]);
  const images = new Set(stdout.trim().split("\n"));
  images.delete("thought-processor"); // `up` builds it
  return await engine.missing([...images]);
}
