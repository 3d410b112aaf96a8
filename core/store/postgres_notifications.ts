/** A dedicated connection on which PostgreSQL delivers notifications. */
import { backoffMs, pause } from "../retry.ts";
import type { Notifications } from "./database.ts";
import type { Line } from "./postgres_pool.ts";

export interface ListenOptions {
  /** Opens a connection that calls back for each notification. */
  readonly open: (onNotify: () => void) => Promise<Line>;
  readonly channel: string;
  readonly onNotify: () => void;
  /** Whether a connection can be kept for this. A pooler would give it, and its notifications, to others. */
  readonly possible: () => boolean;
}

/** Between two attempts to connect, in milliseconds. */
const RETRY = { firstMs: 500, maxMs: 30_000 };

/** Listens until disposed; reopens a broken connection. */
export function listen({ open, channel, onNotify, possible }: ListenOptions): Notifications {
  const stop = new AbortController();
  const stopped = new Promise<void>((resolve) => stop.signal.addEventListener("abort", () => resolve()));
  let active = false;

  async function once(): Promise<void> {
    const line = await open(onNotify);
    try {
      await line.sql.unsafe(`listen ${channel}`);
      active = true;
      onNotify(); // for missed notifications
      await Promise.race([line.ended, stopped]);
    } finally {
      active = false;
      line.drop();
    }
  }

  const done = (async () => {
    for (let failures = 0; !stop.signal.aborted; failures++) {
      if (possible()) {
        // Its users report what is wrong with the database.
        await once().then(() => failures = 0, () => {});
      }
      await pause(backoffMs(failures, RETRY), stop.signal);
    }
  })();

  return {
    active: () => active,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await done;
    },
  };
}
