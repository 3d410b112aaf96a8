/** Dead letters on their way to the topic: of failed thoughts, and of unreadable messages. */
import { DEAD_TOPIC, type Message } from "../queue/queue.ts";
import type { Database } from "./database.ts";
import { printable } from "./printable.ts";

export interface DeadLetter {
  /** A thought's id, or the position of an unreadable message. */
  readonly value: string;
  readonly reason: string;
  readonly traceparent: string | null;
}

export interface DeadLetters {
  put(letters: readonly DeadLetter[]): Promise<void>;
  /**
   * Takes at most `limit`, the oldest first, and skips those that another relay holds. Removes them when
   * `send` resolves; leaves them when it throws.
   *
   * @returns how many were sent
   */
  take(limit: number, send: (messages: readonly Message[]) => Promise<void>): Promise<number>;
}

export function createDeadLetters(database: Database): DeadLetters {
  return {
    async put(letters) {
      const rows = letters.map(({ value, reason, traceparent }) => ({
        value: printable(value),
        reason: printable(reason),
        traceparent: traceparent === null ? null : printable(traceparent),
      }));
      await database.query(PUT, [JSON.stringify(rows)]);
    },
    take(limit, send) {
      return database.transaction(async (tx) => {
        const rows = await tx.query<DeadLetter>(TAKE, [limit]);
        if (rows.length > 0) await send(rows.map((row) => ({ topic: DEAD_TOPIC, ...row })));
        return rows.length;
      });
    },
  };
}

const PUT = `
  insert into dead_letters (value, reason, traceparent)
  select value, reason, traceparent
  from jsonb_to_recordset($1::text::jsonb) as letter(value text, reason text, traceparent text)`;

const TAKE = `
  with taken as materialized (
    select id from dead_letters order by id limit $1::int for update skip locked
  )
  delete from dead_letters d using taken where d.id = any(array[taken.id])
  returning d.value, d.reason, d.traceparent`;
