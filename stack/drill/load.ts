import { LaunchFailure } from "../failure.ts";
import type { Host } from "../host.ts";
import { Unreachable } from "../clients/http.ts";
import type { RunningRow } from "../checklist.ts";
import { Thoughts } from "../clients/thoughts.ts";
import { until } from "../wait.ts";
import type { Drill } from "./drills.ts";

/** Requests under way at once; with all of them hanging no more are made. */
const AT_ONCE = 32;
/** Thoughts of one user stay in one partition; so many users are in all of them, as good as surely. */
const USERS = 30;
/** Enough for a backlog of slow workers, their last batch and a retry. */
const SETTLED_MS = 180_000;

/** What became of the thoughts posted during a drill. */
export interface Account {
  accepted: number;
  /** Answered with anything but 201, or not at all. */
  refused: number;
  completed: number;
}

/** Clients that post thoughts while a drill lasts; every one that is accepted has to be completed in the end. */
export class Load {
  readonly #thoughts: Thoughts;
  readonly #accepted: string[] = [];
  readonly #completed = new Set<string>();
  readonly #underWay = new Set<Promise<void>>();
  readonly #stopping = new AbortController();
  #posting: Promise<void> = Promise.resolve();
  #refused = 0;
  #lastRefusal = "";
  #sent = 0;

  constructor(private readonly host: Host, api: string) {
    this.#thoughts = new Thoughts(host, api);
  }

  get account(): Account {
    return { accepted: this.#accepted.length, refused: this.#refused, completed: this.#completed.size };
  }

  start({ burst, perSecond }: Drill["load"]): void {
    const { signal } = this.#stopping;
    const post = async () => {
      for (let n = 0; n < burst && !signal.aborted; n++) await this.#post();
      while (!signal.aborted) {
        await this.#post();
        await this.host.sleep(1000 / perSecond, signal);
      }
    };
    this.#posting = post().catch((error) => {
      if (!signal.aborted) throw error;
    });
    this.#posting.catch(() => {}); // stop() hears of it
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#posting;
    await Promise.all(this.#underWay);
  }

  /**
   * Waits until every accepted thought is completed.
   *
   * @throws {LaunchFailure} when one is not, in time, or when none was accepted at all
   */
  async settled({ say, signal }: RunningRow): Promise<string> {
    if (this.#accepted.length === 0) {
      throw new LaunchFailure("drill", {
        what: "No thought was accepted, so none could be lost",
        cause: `the API's last answer: ${this.#lastRefusal}`,
        next: ["prove the stack first: deno task monitoring verify"],
      });
    }
    return await until(async () => {
      await this.#each(this.#accepted.filter((id) => !this.#completed.has(id)), async (id) => {
        if ((await this.#thoughts.get(id)).status === "completed") this.#completed.add(id);
      });
      const { accepted, refused, completed } = this.account;
      const text = `${accepted} accepted, ${completed} completed; ${refused} refused`;
      return completed === accepted ? { ready: text } : { pending: text };
    }, {
      host: this.host,
      deadlineMs: SETTLED_MS,
      signal,
      say,
      late: (why) =>
        new LaunchFailure("drill", {
          what: "Not every thought that was accepted is completed",
          cause: why,
          next: ["see what the workers say: deno task monitoring logs kafka-worker"],
        }),
    });
  }

  /** Takes the thoughts out of the store again. */
  async forget(): Promise<void> {
    await this.#each(this.#accepted, (id) => this.#thoughts.delete(id)).catch(leave);
  }

  /** Starts one request, as soon as there is room for it. */
  async #post(): Promise<void> {
    while (this.#underWay.size >= AT_ONCE) await Promise.race(this.#underWay);
    const user = `launcher-drill-${++this.#sent % USERS}`;
    const text = `A drill goes on. Thought ${this.#sent} of ${crypto.randomUUID()}.`;
    const request: Promise<void> = this.#thoughts.post({ user, text }).then(
      ({ id, status, text }) =>
        id ? void this.#accepted.push(id) : this.#refuse(`${status} ${text.slice(0, 200)}`),
      (error) => {
        if (!(error instanceof Unreachable)) throw error;
        this.#refuse(error.message);
      },
    ).finally(() => this.#underWay.delete(request));
    this.#underWay.add(request);
  }

  #refuse(why: string): void {
    this.#refused++;
    this.#lastRefusal = why;
  }

  async #each(ids: readonly string[], does: (id: string) => Promise<void>): Promise<void> {
    const queue = ids.values();
    const lane = async () => {
      for (const id of queue) await does(id);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, lane));
  }
}

/** What can't be taken out any more is left: it is marked as a drill's. */
function leave(error: unknown): void {
  if (!(error instanceof Unreachable)) throw error;
}
