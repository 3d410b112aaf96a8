/** `deno task key NAME`: makes an API key. The key is for its user, the line for the server's key file. */
import "../core/no_environment.ts";
import { Command } from "commander";
import { makeKey, type NewKey, type Scope, SCOPES } from "../api/keys.ts";

const program = new Command("deno task key")
  .description("Make an API key and the line that admits it, for the file that API_KEYS_FILE names.")
  .argument("<name>", "names the key in logs, limits and queues")
  .option("--user <id>", "the user whose thoughts it reaches; '*' reaches every user's (default: the name)")
  .option("--scopes <list>", `what it allows, of ${SCOPES.join(",")}`, "read,write,delete")
  .option("--expires <date>", "when it expires, an ISO 8601 date or time (default: never)")
  .parse([Deno.execPath(), "key", ...Deno.args]);

const [name = ""] = program.args;
const { user = name, scopes, expires } = program.opts<{ user?: string; scopes: string; expires?: string }>();
const wanted: NewKey = {
  name,
  user: user === "*" ? null : user,
  scopes: scopes.split(",") as Scope[],
  ...(expires === undefined ? {} : { expires }),
};
try {
  const { key, line } = makeKey(wanted);
  // deno-lint-ignore no-console -- a command line program
  console.log(`key   ${key}   (shown once; send it as: Authorization: Bearer …)\nline  ${line}`);
} catch (error) {
  if (!(error instanceof RangeError)) throw error;
  program.error(error.message);
}
