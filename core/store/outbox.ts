/** The outbox: messages that became true with a row, sent by whichever relay takes them first. */
import type { Database } from "./database.ts";
import { HORIZON } from "./clock_skew.ts";
import type { Message } from "../queue/queue.ts";

export interface Outbox {
  /**
   * Takes at most `limit` due messages, oldest first, skipping those another relay holds; removes them when `send`
   * resolves and leaves them when it throws. What is due beyond the horizon has waited since before the clock went back.
   *
   * @returns how many were sent
   */
  take(limit: number, send: (messages: readonly Message[]) => Promise<void>): Promise<number>;
  /** Puts a message in. */
  put(message: Message): Promise<void>;
}

export function createOutbox(database: Database): Outbox {
  return {
    take(limit, send) {
      return database.transaction(async (tx) => {
        const messages = await tx.query<Message>(TAKE, [limit]);
        if (messages.length > 0) await send(messages);
        return messages.length;
      });
    },
    async put({ topic, key, value, reason, traceparent }) {
      await database.query(
        "insert into outbox (topic, key, value, reason, traceparent) values ($1, $2, $3, $4, $5)",
        [topic, key, value, reason, traceparent],
      );
    },
  };
}

/**
 * The rows are locked by the inner selects, so their physical addresses hold until the delete. Each select reads its own
 * end of the primary key; what lies between, the delayed messages, is not touched.
 */
const TAKE = `
  with stranded as (
    select ctid from outbox where available_at > ${HORIZON} order by available_at, id limit $1 for update skip locked
  ), due as (
    select ctid from outbox where available_at <= now()
    order by available_at, id limit $1 - (select count(*) from stranded) for update skip locked
  )
  delete from outbox where ctid = any(array(select ctid from stranded union all select ctid from due))
  returning topic, key, value, reason, traceparent`;
