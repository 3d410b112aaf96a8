/** `deno task key NAME`: makes an API key. The key is for its user, the line for the server's key file. */
import { makeKey } from "../api/keys.ts";

const [name] = Deno.args;
if (name === undefined || name.startsWith("-")) {
  // deno-lint-ignore no-console -- a command line program
  console.error(
    "Usage: deno task key NAME\n\nPrints a new API key and the line to add to the file API_KEYS_FILE names.",
  );
  Deno.exit(name === undefined ? 2 : 0);
}
const { key, line } = makeKey(name);
// deno-lint-ignore no-console -- a command line program
console.log(`key   ${key}   (shown once; send it as: Authorization: Bearer …)\nline  ${line}`);
