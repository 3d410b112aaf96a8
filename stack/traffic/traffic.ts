/**
 * Clients that use the API as people do: fresh and repeated thoughts, bad requests, reads, lists, and
 * followers.
 */
import { ask, Unreachable } from "../clients/http.ts";
import type { Host } from "../host.ts";
import { type Kind, type Mix, sequence } from "./mix.ts";

export interface TrafficOptions {
  readonly host: Host;
  /** Of the API. */
  readonly url: string;
  /** @default none: the API wants none */
  readonly key?: string | undefined;
  readonly perSecond: number;
  readonly mix: Mix;
}

/** Responses so far. */
export interface TrafficTally {
  readonly sent: number;
  /** By the status's class, such as "2xx"; "none" without a response. */
  readonly responses: Readonly<Record<string, number>>;
}

/** Requests in progress at once; beyond them none is sent until one has ended. */
const AT_ONCE = 32;
/** Thoughts kept at once: older ones are deleted as new ones come. */
const MOST_THOUGHTS = 1_000;
/** Reserved for traffic: all their thoughts are deleted in the end. */
const USERS = Array.from({ length: 7 }, (_, at) => `launcher-traffic-${at}`);
const REQUEST_MS = 30_000;
const REPEATED = ["Call the dentist", "Plan the garden", "Learn to sail"];
const LONG = "What I would like to think through before the summer, and why it matters. ".repeat(100);

export type Traffic = ReturnType<typeof createTraffic>;

export function createTraffic({ host, url, key, perSecond, mix }: TrafficOptions) {
  /** For work that has to be done after Ctrl-C too. */
  const steady = host.uninterrupted();
  const kinds = sequence(mix);
  const thoughts: string[] = [];
  const underWay = new Set<Promise<void>>();
  const responses: Record<string, number> = {};
  let sent = 0;

  /**
   * Sends until the time is over, at random intervals with that mean.
   * @throws the signal's reason when it is
   * aborted
   */
  async function run(
    forMs: number,
    signal: AbortSignal,
    onSent: (tally: TrafficTally) => void,
  ): Promise<void> {
    const end = host.now() + forMs;
    while (host.now() < end) {
      signal.throwIfAborted();
      if (underWay.size < AT_ONCE) start(kinds.next().value);
      onSent(tally());
      await host.sleep(-Math.log(1 - Math.random()) * 1_000 / perSecond, signal);
    }
    await Promise.all(underWay);
  }

  function tally(): TrafficTally {
    return { sent, responses: { ...responses } };
  }

  /**
   * Deletes every thought that was posted, also those whose response was lost; traces, log lines and metrics
   * stay.
   */
  async function forget(): Promise<void> {
    await Promise.all(underWay);
    await Promise.all(USERS.map((user) => remove(`/thoughts?user_id=${user}`)));
  }

  function start(kind: Kind): void {
    sent++;
    const request: Promise<void> = send(kind).catch((error) => {
      if (!(error instanceof Unreachable)) throw error;
      count("none");
    }).finally(() => underWay.delete(request));
    underWay.add(request);
  }

  async function send(kind: Kind): Promise<void> {
    const user = USERS[sent % USERS.length]!;
    const known = thoughts.at(-1);
    switch (kind) {
      case "fresh":
        return await post({ user_id: user, text: `What about idea ${crypto.randomUUID()}?` });
      case "repeated":
        return await post({ user_id: user, text: REPEATED[sent % REPEATED.length]! });
      case "long":
        return await post({ user_id: user, text: `${LONG}${crypto.randomUUID()}`, priority: "batch" });
      case "bad":
        return await post({ user_id: user });
      case "missing":
        return await read("/no-such-page");
      case "list":
        return await read(`/thoughts?user_id=${user}&limit=5`);
      case "read":
        return await read(`/thoughts/${known ?? ""}`);
      case "follow":
        // The stream ends by itself, once the thought is done.
        return await read(known ? `/thoughts/${known}/events` : "/thoughts");
    }
  }

  async function post(body: Readonly<Record<string, string>>): Promise<void> {
    const options = { method: "POST", body, key, deadlineMs: REQUEST_MS };
    const { status, text } = await ask(steady, `${url}/thoughts`, options);
    count(classOf(status));
    if (status !== 201) return;
    thoughts.push(JSON.parse(text).id);
    if (thoughts.length > MOST_THOUGHTS) await remove(`/thoughts/${thoughts.shift()!}`);
  }

  async function read(path: string): Promise<void> {
    count(classOf((await ask(steady, `${url}${path}`, { key, deadlineMs: REQUEST_MS })).status));
  }

  async function remove(path: string): Promise<void> {
    await ask(steady, `${url}${path}`, { method: "DELETE", key, deadlineMs: REQUEST_MS }).catch((error) => {
      if (!(error instanceof Unreachable)) throw error; // it stays; its user says what it is
    });
  }

  function count(response: string): void {
    responses[response] = (responses[response] ?? 0) + 1;
  }

  return { run, tally, forget };
}

function classOf(status: number): string {
  return `${Math.floor(status / 100)}xx`;
}
