/** The launcher as it is packed, with this checkout's files: what a binary does, without the half minute to build it. */
import { join } from "node:path";
import { collectPayload } from "../../stack/payload.ts";
import { main } from "../../start_monitoring.ts";

const root = join(import.meta.dirname!, "..", "..");
Deno.exit(await main(Deno.args, await collectPayload(root, "0.0.0-test")));
