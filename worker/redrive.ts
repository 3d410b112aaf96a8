/** `deno task redrive`: gives failed thoughts new attempts. */
import "../core/no_environment.ts";
import { Command, InvalidArgumentError } from "commander";
import { createClaims } from "../core/store/claims.ts";
import { loadConfigOrExit } from "../core/config.ts";
import { openDatabase } from "../core/open.ts";
import { isThoughtId } from "../core/thought.ts";

const options = new Command("redrive")
  .description("Put failed thoughts back into the queue, each with a full set of new attempts.")
  .option("--id <uuid>", "only this thought", parseId)
  .option("--limit <n>", "at most this many, oldest first", parseLimit, 1_000)
  .addHelpText(
    "after",
    "\nExamples:\n  deno task redrive\n  deno task redrive --id 01a2…\n\nNeeds DATABASE_URL.",
  )
  .parse([Deno.execPath(), "redrive", ...Deno.args])
  .opts<{ id?: string; limit: number }>();

const config = loadConfigOrExit("worker");
await using database = await openDatabase(config);
const claims = createClaims(database, config);
const count = await claims.redrive(options);
// deno-lint-ignore no-console -- the result of a command is for its user
console.log(`${count} ${count === 1 ? "thought" : "thoughts"} queued again`);

function parseLimit(text: string): number {
  const limit = Number(text);
  if (!Number.isInteger(limit) || limit < 1) {
    throw new InvalidArgumentError("It must be a whole number above 0.");
  }
  return limit;
}

function parseId(text: string): string {
  if (!isThoughtId(text)) {
    throw new InvalidArgumentError("It must be a thought's id, a UUID.");
  }
  return text;
}
