#!/usr/bin/env -S deno run --quiet --no-prompt -P=launcher
/** The launcher's command line: arguments in, exit code out. */
import process from "node:process";
import config from "./deno.json" with { type: "json" };
import { parseArguments } from "./stack/cli.ts";
import { EXIT, LaunchFailure } from "./stack/failure.ts";
import { localHost } from "./stack/host.ts";
import { launch } from "./stack/launch.ts";
import type { Launcher } from "./stack/launcher.ts";
import { failureReport, toJson } from "./stack/output/report.ts";
import { checkoutPaths, packedPaths, type Payload, stateDirectory } from "./stack/paths.ts";

/** `deno task` forwards a terminal's Ctrl-C once more (denoland/deno#27141): repeats this soon are the same one. */
const SAME_INTERRUPT_MS = 500;

/**
 * Runs the launcher to its end.
 *
 * @param payload the stack's files, when this is a packed launcher; without them the checkout around this file
 * @returns the exit code
 */
export async function main(args: readonly string[], payload?: Payload): Promise<number> {
  const launcher: Launcher = payload
    ? { command: "thought-processor", packed: true }
    : { command: "deno task monitoring", packed: false };
  const { stdout, stderr } = process;
  const json = args.includes("--json");
  const options = parseArguments(args, launcher.command, config.version);
  if ("text" in options) {
    if (options.code === EXIT.ok) stdout.write(options.text);
    else if (json) stdout.write(usageJson(options.text, launcher));
    if (options.code !== EXIT.ok) stderr.write(options.text);
    return options.code;
  }
  const locate = async () => {
    const paths = payload
      ? await packedPaths(payload, stateDirectory(Deno.env.get))
      : checkoutPaths(import.meta.dirname!);
    return { ...paths, composeFiles: Deno.env.get("COMPOSE_FILE") };
  };
  const host = localHost(onInterrupt(() => stopAtOnce(launcher, json)));
  const streams = { stdout, stderr, env: Deno.env.get };
  return await launch({ host, locate, options, launcher, streams });
}

/** @returns a signal that the first Ctrl-C aborts @param again called by a second one: the person does not want to wait */
function onInterrupt(again: () => void): AbortSignal {
  const interrupt = new AbortController();
  let first = 0;
  const listener = () => {
    if (!interrupt.signal.aborted) {
      first = performance.now();
      interrupt.abort(new DOMException("Interrupted", "AbortError"));
    } else if (performance.now() - first > SAME_INTERRUPT_MS) again();
  };
  // With Node's API: the live view's libraries end the process themselves when they see no listener there.
  process.on("SIGINT", listener);
  process.on("SIGTERM", listener);
  // The terminal was closed.
  if (Deno.build.os !== "windows") process.on("SIGHUP", listener);
  return interrupt.signal;
}

/** Ends the process without waiting for what it is doing. */
function stopAtOnce(launcher: Launcher, json: boolean): never {
  const failure = new LaunchFailure("interrupted", {
    what: "Stopped at once, in the middle of something",
    next: [{ text: "repair the stack", verb: "" }],
  });
  const text = new TextEncoder();
  // Written synchronously: Node's write would come too late.
  if (json) Deno.stdout.writeSync(text.encode(toJson(failureReport("", failure), launcher) + "\n"));
  Deno.stderr.writeSync(text.encode(`\n${failure.message}. Repair the stack: ${launcher.command}\n`));
  Deno.exit(EXIT.interrupted);
}

function usageJson(text: string, launcher: Launcher): string {
  const [what = text, ...next] = text.trim().split("\n");
  return toJson(failureReport("", new LaunchFailure("usage", { what, next })), launcher) + "\n";
}

if (import.meta.main) Deno.exit(await main(Deno.args));
