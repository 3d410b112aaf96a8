import { dirname } from "node:path";
import * as z from "zod/mini";
import { readIfThere } from "./paths.ts";

/**
 * What the last `up` was asked for. `status` and `verify` hold the stack to it: a service that was left out is
 * not missed, and one that was wanted is, even when its container is gone altogether.
 */
export interface Choice {
  without: readonly string[];
  workers?: number | undefined;
}

const Saved = z.object({ without: z.array(z.string()), workers: z.optional(z.number()) });

export async function saveChoice(path: string, choice: Choice): Promise<void> {
  await Deno.mkdir(dirname(path), { recursive: true });
  await Deno.writeTextFile(path, JSON.stringify(choice) + "\n");
}

/** @returns the choice of nothing left out, when there was no `up` yet or its note is unreadable */
export async function lastChoice(path: string): Promise<Choice> {
  try {
    return Saved.parse(JSON.parse(await readIfThere(path) ?? ""));
  } catch {
    return { without: [] };
  }
}
