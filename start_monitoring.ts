#!/usr/bin/env -S deno run --quiet -P=launcher
/** The launcher's command line: arguments in, exit code out. */
import process from "node:process";
import config from "./deno.json" with { type: "json" };
import { parseArguments } from "./stack/cli.ts";
import { checkoutHome, packedHome, type Payload, stateDirectory } from "./stack/paths.ts";
import { localHost } from "./stack/host.ts";
import { launch } from "./stack/launch.ts";
import { EXIT } from "./stack/failure.ts";

/**
 * Runs the launcher to its end.
 *
 * @param payload the stack's files, when this is a packed launcher; without them the checkout around this file
 * @returns the exit code
 */
export async function main(args: readonly string[], payload?: Payload): Promise<number> {
  const command = payload ? "thought-processor" : "deno task monitoring";
  const asked = parseArguments(args, command, config.version);
  if ("text" in asked) {
    (asked.code === EXIT.fine ? process.stdout : process.stderr).write(asked.text);
    return asked.code;
  }
  const home = payload
    ? await packedHome(payload, stateDirectory(Deno.env.get))
    : checkoutHome(import.meta.dirname!);
  const interrupt = new AbortController();
  const onInterrupt = () => {
    // Asked twice: the person means now.
    if (interrupt.signal.aborted) {
      const words = `\nStopped at once, in the middle of something. Make the stack whole: ${command}\n`;
      Deno.stderr.writeSync(new TextEncoder().encode(words)); // Node's write would come too late
      Deno.exit(EXIT.interrupted);
    }
    interrupt.abort(new DOMException("Interrupted", "AbortError"));
  };
  // Through Node's door: the live view's libraries end the process themselves when they see no listener there.
  process.on("SIGINT", onInterrupt);
  process.on("SIGTERM", onInterrupt);
  const { stdout, stderr } = process;
  const terminal = { stdout, stderr, env: Deno.env.get };
  return await launch({ host: localHost(interrupt.signal), home, asked, command, terminal });
}

if (import.meta.main) Deno.exit(await main(Deno.args));
