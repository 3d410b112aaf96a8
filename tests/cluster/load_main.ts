/** Posts thoughts from a pod: `load_main.ts OPTIONS KEY_FILE`. Its last line is what came of it, as JSON. */
import { startLoad } from "../faults/load.ts";

/** What the program is told. */
export interface PodLoadOptions {
  readonly api: string;
  readonly thoughts: number;
  readonly perSecond: number;
}

/** What it prints at its end. */
export interface PodLoadOutcome {
  /** Of the first request. */
  readonly startedAt: number;
  readonly finishedAt: number;
  readonly accepted: readonly string[];
  readonly refused: number;
  readonly unanswered: number;
  /** The longest time without an accepted thought. */
  readonly longestPauseS: number;
}

if (import.meta.main) {
  const [options, keyFile] = Deno.args;
  const { api, ...rest }: PodLoadOptions = JSON.parse(options!);
  const key = (await Deno.readTextFile(keyFile!)).trim();
  const startedAt = Date.now();
  // Kept connections lead to the pod that they were made to; new ones are shared out among all.
  const unkept = Deno.createHttpClient({ poolMaxIdlePerHost: 0 });
  const client = (n: number) => n % 2 === 0 ? unkept : undefined;
  const load = startLoad({ ...rest, key, api: () => api, clients: rest.thoughts, client });
  print("started");
  await load.done;
  const { accepted, refused, unanswered } = load;
  const outcome: PodLoadOutcome = {
    startedAt,
    finishedAt: Date.now(),
    accepted,
    refused,
    unanswered,
    longestPauseS: load.longestPauseS(startedAt),
  };
  print(JSON.stringify(outcome));
}

function print(line: string) {
  // deno-lint-ignore no-console -- its output is its result
  console.log(line);
}
