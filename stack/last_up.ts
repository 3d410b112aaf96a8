/**
 * The options of the last `up`. `status` and `verify` check the stack against them: a service that was left
 * out is not missed, but one that was wanted is, even if its container is gone.
 */
import { dirname } from "node:path";
import * as z from "zod";
import { readIfThere, withPath } from "./paths.ts";

const LastUp = z.object({
  without: z.array(z.string()).readonly(),
  workers: z.number().optional(),
  /** Variables that this engine needs. */
  environment: z.record(z.string(), z.string()).readonly().default({}),
  /** Variables of a stack that has a name of its own; they hold until another name is given. */
  project: z.record(z.string(), z.string()).readonly().default({}),
}).readonly();
export type LastUp = z.output<typeof LastUp>;

export const NOTHING_LEFT_OUT: LastUp = { without: [], environment: {}, project: {} };

export async function saveLastUp(path: string, lastUp: LastUp): Promise<void> {
  await withPath(path, async () => {
    await Deno.mkdir(dirname(path), { recursive: true });
    await Deno.writeTextFile(path, JSON.stringify(lastUp) + "\n");
  });
}

/** @returns nothing left out, if there was no `up` yet or its file is unreadable */
export async function readLastUp(path: string): Promise<LastUp> {
  try {
    return LastUp.parse(JSON.parse(await readIfThere(path) ?? ""));
  } catch {
    return NOTHING_LEFT_OUT;
  }
}
