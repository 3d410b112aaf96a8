/** The outbox: thoughts to announce to the workers, in fair order (docs/decisions/0061-fairness.md). */
import { type Message, THOUGHTS_TOPIC } from "../queue/queue.ts";
import { HORIZON } from "./clock_skew.ts";
import type { Database, Notifications } from "./database.ts";

export interface Outbox {
  /**
   * Takes at most `limit` due messages, flow by flow and the lowest ranks first, and skips those that another
   * relay holds. Deletes them when `send` resolves; keeps them when it throws.
   *
   * @returns how many were sent
   */
  take(limit: number, send: (messages: readonly Message[]) => Promise<void>): Promise<number>;
  /** Gives at most `limit` delayed messages that are due by now their rank. */
  ripen(limit: number): Promise<Ripened>;
  /** Raises the floors from which flows are searched (docs/decisions/0086-floors.md). One worker does, for all. */
  raiseFloors(): Promise<void>;
  /** Calls back when thoughts were posted, as a hint: see {@link Database.listen}. */
  onPosted(listener: () => void): Notifications;
}

export interface Ripened {
  /** How many messages got their rank. */
  readonly count: number;
  /** When the next one is due, in milliseconds from now; null when none waits. */
  readonly nextMs: number | null;
  /** Whether dead letters wait to be sent. */
  readonly dead: boolean;
}

/** Notified when thoughts are posted. */
export const POSTED = "thoughts_posted";

/** Pause between two calls of {@link Outbox.raiseFloors}, in milliseconds. */
export const RAISED_EVERY_MS = 2_000;
/** What searching from the start may take of the time: 20 ms every two seconds. */
const SHARE = 0.01;
/** However long that takes, it is repeated after this. */
const REPEATED_AFTER_MS = 60_000;
/** How long the floor of an empty flow is left as it is. */
const LEFT_FOR_MS = 60_000;

export function createOutbox(database: Database): Outbox {
  /** The flow that was served last. */
  let served = "";
  let fromStartAt = -Infinity;

  return {
    take(limit, send) {
      return database.transaction(async (tx) => {
        const rows = await tx.query<TakenRow>(TAKE, [limit, served]);
        if (rows.length === 0) return 0;
        const inTurn = rows.toSorted((one, other) => one.turn - other.turn || one.place - other.place);
        await send(inTurn.map(({ thought_id, traceparent }) => ({
          topic: THOUGHTS_TOPIC,
          value: thought_id,
          reason: null,
          traceparent,
        })));
        served = inTurn.at(-1)!.flow;
        return rows.length;
      });
    },
    async ripen(limit) {
      const [row] = await database.query<Ripened>(RIPEN, [limit]);
      return row!;
    },
    async raiseFloors() {
      const startedAt = performance.now();
      if (startedAt < fromStartAt) return void await database.query(RAISE_FLOORS);
      await database.query(FIND_FLOORS);
      const endedAt = performance.now();
      fromStartAt = endedAt + Math.min(REPEATED_AFTER_MS, (endedAt - startedAt) / SHARE - RAISED_EVERY_MS);
    },
    onPosted: (listener) => database.listen(POSTED, listener),
  };
}

interface TakenRow {
  readonly thought_id: string;
  readonly flow: string;
  readonly traceparent: string | null;
  /** Which of its flow's messages it is, from 1. */
  readonly turn: number;
  /** The position of its flow in the round. */
  readonly place: number;
}

/**
 * What a thought's turn costs its user, by the thought's priority: interactive thoughts get ten turns for one
 * of a batch.
 */
const COST = "case priority when 'batch' then 10 else 1 end";

const SECOND_RANKS = 1_000_000;
/** A time as a rank. */
const rankOf = (time: string) => `(extract(epoch from ${time}) * ${SECOND_RANKS})::bigint`;

/** The rank of a flow with nothing waiting: microseconds, which no backlog's ranks can overtake. */
const NOW_RANK = rankOf("clock_timestamp()");

/** As {@link NOW_RANK}, the same throughout a statement. */
const STATEMENT_RANK = rankOf("now()");

/** The highest bigint. */
const HIGHEST_RANK = "9223372036854775807";

/** A floor above the present was written before the clock went back. */
const FLOOR = `case when floor <= ${STATEMENT_RANK} then floor else 0 end`;

/** The rank at which a search of a flow begins. */
const floorOf = (flow: string) =>
  `coalesce((select ${FLOOR} from outbox_floors own where own.flow = ${flow}), 0)`;

/** The lowest rank that waits in a flow, or null. */
const lowestRank = (flow: string, from = floorOf(flow)) =>
  `(
      select rank from outbox o where o.flow = ${flow} and o.rank is not null and o.rank >= ${from}
      order by rank limit 1
    )`;

/**
 * CTEs that rank messages by start-time fair queueing: each follows its user's last one, and a user with none
 * waiting starts at the lowest rank that waits in the flow: no user's backlog delays others, and idle time
 * earns no credit. A user's last is asked for by rows, in the order of the index by user: by `user_id =` the
 * planner would, on a table it believes to be small, walk down the flow's ranks to the first of that user.
 *
 * @param from the CTE of what to rank; has thought_id, attempts, flow, user_id and cost
 */
const ranked = (from: string) => `
  lowest as materialized (
    select flow, coalesce(${lowestRank("f.flow")}, ${NOW_RANK}) as lowest
    from (select distinct flow from ${from}) f
  ), known as (
    insert into outbox_floors (flow)
    select flow from lowest where (select true from outbox_floors own where own.flow = lowest.flow) is null
    order by flow
    on conflict do nothing
  ), lasts as materialized (
    select u.flow, u.user_id, greatest(lowest, (
      select rank from outbox o
      where o.flow = u.flow and o.rank is not null
        and (o.user_id, o.rank) >= (u.user_id, ${floorOf("u.flow")})
        and (o.user_id, o.rank) <= (u.user_id, ${HIGHEST_RANK})
      order by o.user_id desc, o.rank desc limit 1
    )) as last
    from (select distinct flow, user_id from ${from}) u join lowest on lowest.flow = u.flow
  ), ranked as (
    select f.*, last + sum(cost) over (partition by f.flow, f.user_id order by thought_id) as rank
    from ${from} f join lasts on lasts.flow = f.flow and lasts.user_id = f.user_id
  )`;

/**
 * CTEs that put thoughts into the outbox, due now.
 *
 * @param from the CTE of thoughts; has id, attempts, flow, user_id, priority and traceparent
 */
export const announceNow = (from: string) => `
  announced as (
    select id as thought_id, attempts, flow, user_id, ${COST} as cost, traceparent from ${from}
  ), ${ranked("announced")}, queued as (
    insert into outbox (thought_id, attempts, flow, user_id, cost, rank, traceparent)
    select thought_id, attempts, flow, user_id, cost, rank, traceparent from ranked
    on conflict do nothing
  )`;

/**
 * A CTE that puts thoughts into the outbox after a delay, when {@link Outbox.ripen} ranks them. A thought
 * released at once and uncharged had its turn already, and goes to the head of its flow.
 *
 * @param from the CTE of thoughts; has those of {@link announceNow}, and crashes, delay (an interval) and
 * charged
 */
export const announceLater = (from: string) => `
  queued as (
    insert into outbox (thought_id, attempts, flow, user_id, cost, rank, available_at, suspect, traceparent)
    select id, attempts, flow, user_id, ${COST},
      case when delay <= interval '0' and not charged and crashes = 0
        then coalesce(${lowestRank(`${from}.flow`)}, ${NOW_RANK}) end,
      now() + delay, crashes > 0, traceparent
    from ${from} where status = 'pending'
    on conflict do nothing
  )`;

/**
 * From each flow in which messages wait the same number is taken, beginning with the flow after the one served
 * last. The comparisons of the delete can't be hashed, so that every plan looks the rows up by their key
 * (docs/decisions/0063-plans.md).
 */
const TAKE = `
  with round as materialized (
    select flow, floor, row_number() over (order by flow <= $2, flow) as place, count(*) over () as flows
    from (select flow, ${FLOOR} as floor from outbox_floors where flow >= '') known
    where ${lowestRank("known.flow", "known.floor")} is not null
    order by flow <= $2, flow limit $1::int
  ), taken as materialized (
    select t.thought_id, t.attempts, round.place, row_number() over (partition by round.flow order by t.rank) as turn
    from round cross join lateral (
      select thought_id, attempts, rank from outbox o
      where o.flow = round.flow and o.rank is not null and o.rank >= round.floor
      order by o.rank limit greatest(1, $1::int / round.flows) for update skip locked
    ) t
  )
  delete from outbox o using taken
  where o.thought_id = any(array[taken.thought_id]) and o.attempts - taken.attempts = 0
  returning o.thought_id, o.flow, o.traceparent, taken.turn::int as turn, taken.place::int as place`;

/** A message due beyond the horizon has waited since before the database's clock went back. */
const RIPEN = `
  with stranded as materialized (
    select thought_id, attempts from outbox
    where rank is null and not suspect and available_at > ${HORIZON}
    order by available_at limit $1::int for update skip locked
  ), due as materialized (
    select thought_id, attempts from outbox
    where rank is null and not suspect and available_at <= now()
    order by available_at limit $1::int for update skip locked
  ), ripe as materialized (
    select o.thought_id, o.attempts, o.flow, o.user_id, o.cost
    from (select * from stranded union all select * from due) d cross join lateral (
      select * from outbox where thought_id = d.thought_id and attempts = d.attempts offset 0
    ) o
  ), ${ranked("ripe")}, ripened as (
    update outbox o set rank = ranked.rank from ranked
    where o.thought_id = any(array[ranked.thought_id]) and o.attempts - ranked.attempts = 0
    returning 1
  )
  select (select count(*)::int from ripened) as count, (
    select extract(epoch from available_at - now())::float8 * 1000 from outbox
    where rank is null and not suspect and available_at > now() order by available_at limit 1
  ) as "nextMs", exists (select from dead_letters) as dead`;

/**
 * A statement gives ranks above the lowest that it saw: what was lowest a while ago is a floor for all that were
 * begun since. An empty flow's lowest is the present; once its floor is recent it is left for a minute, so that
 * an idle database stays idle.
 *
 * @param lowest a query of flows and their lowest ranks, null where nothing waits
 */
const raise = (lowest: string) =>
  `found as materialized (${lowest})
  update outbox_floors known
  set floor = least(known.next_floor, coalesce(found.lowest, ${STATEMENT_RANK})),
    next_floor = coalesce(found.lowest, ${STATEMENT_RANK}), seen_at = now()
  from found
  where known.flow = any(array[found.flow]) and known.seen_at not between now() - interval '${
    RAISED_EVERY_MS / 2
  } ms' and now()
    and case when found.lowest is null
      then known.next_floor <> ${rankOf("known.seen_at")} -- not empty then
        or known.next_floor - known.floor > ${2 * RAISED_EVERY_MS / 1_000 * SECOND_RANKS}
        or abs(${STATEMENT_RANK} - known.next_floor) > ${LEFT_FOR_MS / 1_000 * SECOND_RANKS}
      else known.next_floor <> found.lowest or known.floor <> known.next_floor
    end`;

const RAISE_FLOORS = `
  with ${
  raise(`select flow, ${lowestRank("known.flow")} as lowest from outbox_floors known where flow >= ''`)
}`;

/**
 * As {@link RAISE_FLOORS}, but from the start of each flow: finds also what was begun long before it was
 * committed, or by a program that knows no floors. A loose index scan finds the flows.
 */
const FIND_FLOORS = `
  with recursive flows as (
    (select flow from outbox where rank is not null order by flow limit 1)
    union all
    select (select o.flow from outbox o where o.rank is not null and o.flow > flows.flow order by o.flow limit 1)
    from flows where flows.flow is not null
  ), known as (
    insert into outbox_floors (flow)
    select flow from flows where (select true from outbox_floors own where own.flow = flows.flow) is null and flow is not null
    order by flow
    on conflict do nothing
  ), ${
  raise(`
    select flow, ${lowestRank("all_flows.flow", "0")} as lowest
    from (select flow from flows where flow is not null union select flow from outbox_floors where flow >= '') all_flows`)
}`;
