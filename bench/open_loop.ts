/**
 * Posts thoughts at a fixed rate, whether or not the API keeps up, and prints when each was due. A separate
 * process like `load_generator.ts`, whose wire format it shares.
 *
 *     deno run --allow-net bench/open_loop.ts HOST PORT PER_SECOND SECONDS
 */
import { readAnswer, template, writeNumber } from "./load_generator.ts";

/** The results of one run. */
export interface Posted {
  /** Thoughts that were accepted: the id, and when its request was due, in milliseconds since the epoch. */
  readonly accepted: readonly (readonly [id: string, dueAt: number])[];
  /** Responses other than 201. */
  readonly refused: number;
  /**
   * From the first request's due time to the last response: longer than requested if the API cannot sustain
   * the rate.
   */
  readonly seconds: number;
}

/** What to post, and for how long. */
export interface Rate {
  readonly perSecond: number;
  readonly seconds: number;
}

/** Posts at a rate in a process of its own. @throws {Error} when a thought was refused */
export async function postAtRate(apiUrl: string, { perSecond, seconds }: Rate): Promise<Posted> {
  const { hostname, port } = new URL(apiUrl);
  const { stdout, success } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--quiet", "--allow-net", new URL(import.meta.url).pathname],
      ...[hostname, port, String(perSecond), String(seconds)],
    ],
    stderr: "inherit",
  }).output();
  if (!success) throw new Error("The load generator failed");
  const posted = JSON.parse(new TextDecoder().decode(stdout)) as Posted;
  if (posted.refused > 0) throw new Error(`The API refused ${posted.refused} thoughts at ${perSecond}/s`);
  return posted;
}

/** More requests in flight than this would only wait in the API. */
const CONNECTIONS = 64;
const ID = /"id":"([0-9a-f-]+)"/;

async function main() {
  const [host, port, perSecond, seconds] = Deno.args;
  const intervalMs = 1_000 / Number(perSecond);
  const count = Math.round(Number(perSecond) * Number(seconds));
  const startAt = performance.now() + 100;
  const accepted: [string, number][] = [];
  let [next, refused] = [0, 0];
  const run = Date.now() % 1e9 * 1_000;

  async function client() {
    const socket = await Deno.connect({ hostname: host!, port: Number(port) });
    socket.setNoDelay(true);
    const { bytes, places } = template(host!, false);
    const buffer = new Uint8Array(4_096);
    while (next < count) {
      const mine = next++;
      const dueAt = startAt + mine * intervalMs;
      const early = dueAt - performance.now();
      if (early > 0) await new Promise((resolve) => setTimeout(resolve, early));
      writeNumber(bytes, places, run + mine);
      await socket.write(bytes);
      const { created, text } = await readAnswer(socket, buffer);
      if (created) accepted.push([ID.exec(text)![1]!, performance.timeOrigin + dueAt]);
      else refused++;
    }
    socket.close();
  }
  await Promise.all(Array.from({ length: CONNECTIONS }, client));
  const posted: Posted = { accepted, refused, seconds: (performance.now() - startAt) / 1_000 };
  // deno-lint-ignore no-console -- its result
  console.log(JSON.stringify(posted));
}

if (import.meta.main) await main();
