/** A receiver of webhooks in a pod: `webhook_receiver.ts PORT`. It prints each event that it gets, as a line of JSON. */
import type { Received } from "../support/receiver.ts";

if (import.meta.main) {
  Deno.serve({ port: Number(Deno.args[0]), onListen: () => print("listening") }, async (request) => {
    const received: Received = {
      path: new URL(request.url).pathname,
      headers: Object.fromEntries(request.headers),
      body: await request.text(),
    };
    print(JSON.stringify(received));
    return new Response(null, { status: 204 });
  });
}

function print(line: string) {
  // deno-lint-ignore no-console -- its output is its result
  console.log(line);
}
