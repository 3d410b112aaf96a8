/** Clients that post thoughts during a drill; every accepted one has to be completed in the end. */
import { LaunchFailure } from "../failure.ts";
import { Unreachable } from "../clients/http.ts";
import type { Progress } from "../checklist.ts";
import { createThoughts, type ThoughtsOptions } from "../clients/thoughts.ts";
import { until } from "../wait.ts";
import type { Drill } from "./drills.ts";

/** The most requests in flight at once. */
const AT_ONCE = 32;
/** Thoughts are posted as this many users in turn. */
const USERS = 30;
/** Enough for a backlog of slow workers, their last batch and a retry. */
const SETTLED_MS = 180_000;

/** What became of the thoughts posted during a drill. */
export interface Tally {
  readonly accepted: number;
  /** Any other status than 201, or no response. */
  readonly refused: number;
  readonly completed: number;
}

export type Load = ReturnType<typeof createLoad>;

export function createLoad(options: ThoughtsOptions) {
  const { host } = options;
  const thoughts = createThoughts(options);
  const accepted: string[] = [];
  const completed = new Set<string>();
  const underWay = new Set<Promise<void>>();
  const stopping = new AbortController();
  let posting: Promise<void> = Promise.resolve();
  let refused = 0;
  let lastRefusal = "";
  let sent = 0;

  function tally(): Tally {
    return { accepted: accepted.length, refused, completed: completed.size };
  }

  function start({ burst, perSecond }: Drill["load"]): void {
    const { signal } = stopping;
    const postAll = async () => {
      for (let n = 0; n < burst && !signal.aborted; n++) await post();
      while (!signal.aborted) {
        await post();
        await host.sleep(1_000 / perSecond, signal);
      }
    };
    posting = postAll().catch((error) => {
      if (!signal.aborted) throw error;
    });
    posting.catch(() => {}); // stop() reports it
  }

  async function stop(): Promise<void> {
    stopping.abort();
    await posting;
    await Promise.all(underWay);
  }

  /**
   * Waits until every accepted thought is completed.
   *
   * @throws {LaunchFailure} when one is not, in time, or when none was accepted at all
   */
  async function settled({ say, signal }: Progress): Promise<string> {
    if (accepted.length === 0) {
      throw new LaunchFailure("drill", {
        what: "The API accepted no thought during the drill",
        cause: `the API's last response: ${lastRefusal}`,
        next: [{ text: "prove the stack first", verb: "verify" }],
      });
    }
    return await until(async () => {
      await each(accepted.filter((id) => !completed.has(id)), async (id) => {
        if ((await thoughts.get(id)).status === "completed") completed.add(id);
      });
      const text = `${accepted.length} accepted, ${completed.size} completed; ${refused} refused`;
      return completed.size === accepted.length ? { ready: text } : { pending: text };
    }, {
      host,
      deadlineMs: SETTLED_MS,
      signal,
      say,
      late: (why) =>
        new LaunchFailure("drill", {
          what: "Not every accepted thought was completed",
          cause: why,
          next: [{ text: "see the workers' log", verb: "logs kafka-worker" }],
        }),
    });
  }

  /** Deletes the thoughts. */
  async function forget(): Promise<void> {
    await each(accepted, (id) => thoughts.remove(id)).catch(leave);
  }

  /** Starts one request, as soon as there is room for it. */
  async function post(): Promise<void> {
    while (underWay.size >= AT_ONCE) await Promise.race(underWay);
    const user = `launcher-drill-${++sent % USERS}`;
    const text = `A drill is in progress. Thought ${sent} of ${crypto.randomUUID()}.`;
    const request: Promise<void> = thoughts.post({ user, text }).then(
      ({ id, status, text }) => id ? void accepted.push(id) : refuse(`${status} ${text.slice(0, 200)}`),
      (error) => {
        if (!(error instanceof Unreachable)) throw error;
        refuse(error.message);
      },
    ).finally(() => underWay.delete(request));
    underWay.add(request);
  }

  function refuse(why: string): void {
    refused++;
    lastRefusal = why;
  }

  async function each(ids: readonly string[], does: (id: string) => Promise<void>): Promise<void> {
    const queue = ids.values();
    const lane = async () => {
      for (const id of queue) await does(id);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, lane));
  }

  return { tally, start, stop, settled, forget };
}

/** Thoughts that cannot be deleted stay; their user says that they are a drill's. */
function leave(error: unknown): void {
  if (!(error instanceof Unreachable)) throw error;
}
