/** An operator's pause of all workers: stored with its author and reason until an operator resumes. */
import type { Database } from "./database.ts";

export interface Pause {
  /** Who paused the workers. */
  readonly author: string;
  readonly reason: string;
  /** In milliseconds since the epoch, by the database's clock. */
  readonly since: number;
}

export interface Pauses {
  /** The pause in force, if there is one. */
  current(): Promise<Pause | null>;
  /** Pauses all workers within seconds. Where they are paused already, that pause stays and is returned. */
  pause(author: string, reason: string): Promise<Pause>;
  /** Ends the pause. Returns the one that was in force, if there was one. */
  resume(): Promise<Pause | null>;
}

export function createPauses(database: Database): Pauses {
  const one = async (sql: string, parameters: readonly string[] = []) => {
    const [row] = await database.query<{ author: string; reason: string; since_ms: number }>(sql, parameters);
    return row === undefined ? null : { author: row.author, reason: row.reason, since: row.since_ms };
  };
  return {
    current: () => one(`select ${COLUMNS} from pauses`),
    async pause(author, reason) {
      return (await one(PAUSE, [author, reason]))!;
    },
    resume: () => one(`delete from pauses returning ${COLUMNS}`),
  };
}

const COLUMNS = "author, reason, (extract(epoch from since) * 1000)::float8 as since_ms";

/** The update changes nothing; it makes the statement return the existing row. */
const PAUSE = `
  insert into pauses (author, reason) values ($1, $2)
  on conflict (only_one) do update set only_one = true
  returning ${COLUMNS}`;
