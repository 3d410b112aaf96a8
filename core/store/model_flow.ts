/**
 * What may still be sent to a model: requests and tokens per minute as two buckets that refill, and the day's
 * budget. Workers lease a few analyses' worth at a time, all or nothing in one statement, and settle what
 * they used.
 */
import type { Database } from "./database.ts";

export interface FlowLimits {
  readonly requestsPerMinute?: number | undefined;
  readonly tokensPerMinute?: number | undefined;
  /** Over all models, in a day of UTC. */
  readonly usdPerDay?: number | undefined;
}

/** What is reserved for one analysis. */
export interface Share {
  readonly tokens: number;
  readonly usd: number;
}

export interface Lease {
  /** Analyses that may begin; 0 when nothing is left now. */
  readonly count: number;
  /** The day it is charged to, as `2026-11-28`. */
  readonly day: string;
  /** Until the rates allow an analysis again, in milliseconds; 0 where they do. */
  readonly rateWaitMs: number;
  /** The day's budget: enough for one more, all reserved by analyses in progress, or spent. */
  readonly budget: "enough" | "promised" | "spent";
}

/** What leases took too much (positive) or too little (negative), and what was actually spent. */
export interface Settled {
  readonly day: string;
  readonly requestsBack: number;
  readonly tokensBack: number;
  readonly usdBack: number;
  readonly usdSpent: number;
}

export interface Spend {
  readonly day: string;
  readonly reservedUsd: number;
  readonly spentUsd: number;
}

export interface ModelFlow {
  /** Reserves what up to `count` analyses need. */
  lease(count: number, share: Share): Promise<Lease>;
  settle(settled: Settled): Promise<void>;
  /** Today's spending, over all models and workers. */
  today(): Promise<Spend>;
}

/**
 * A bucket holds a second's worth, to keep a minute's limit from being spent at once. It refills a little
 * more slowly than the limit: no minute exceeds it, even if a lease is used {@link LEASE_S} later.
 */
const LEASE_S = 2;

interface Bucket {
  readonly size: number;
  readonly perSecond: number;
}

/** @param least what one analysis takes: a bucket that can't hold that much would let nothing through */
export function bucketOf(perMinute: number, least: number): Bucket {
  const size = Math.min(perMinute, Math.max(least, perMinute / 60));
  return { size, perSecond: (perMinute - size + Math.min(least, perMinute)) / (60 + LEASE_S) };
}

export function createModelFlow(
  database: Database,
  provider: string,
  model: string,
  limits: FlowLimits,
): ModelFlow {
  const { requestsPerMinute, tokensPerMinute, usdPerDay } = limits;
  const requests = requestsPerMinute === undefined ? undefined : bucketOf(requestsPerMinute, 1);

  return {
    async lease(count, share) {
      const tokens = tokensPerMinute === undefined ? undefined : bucketOf(tokensPerMinute, share.tokens);
      // An analysis that needs more than the bucket holds takes all of it.
      const tokensEach = tokens === undefined ? 0 : Math.min(share.tokens, tokens.size);
      const parameters = [
        provider,
        model,
        count,
        requests?.size ?? null,
        requests?.perSecond ?? null,
        tokens?.size ?? null,
        tokens?.perSecond ?? null,
        tokensEach,
        usdPerDay ?? null,
        share.usd,
      ];
      let [row] = await database.query<LeaseRow>(LEASE, parameters);
      if (row === undefined) { // the first of its model, or of its day
        await database.query(FIRST, [provider, model]);
        [row] = await database.query<LeaseRow>(LEASE, parameters);
      }
      if (row === undefined) return { count: 0, day: "", rateWaitMs: 0, budget: "enough" }; // midnight, just now
      const waitMs = (bucket: Bucket | undefined, left: number, needed: number) =>
        bucket === undefined || left >= needed ? 0 : 1_000 * (needed - left) / bucket.perSecond;
      return {
        count: row.count,
        day: row.day,
        rateWaitMs: row.count > 0
          ? 0
          : Math.max(waitMs(requests, row.requests, 1), waitMs(tokens, row.tokens, tokensEach)),
        budget: row.affordable >= 1
          ? "enough"
          : usdPerDay! - row.spent_usd < share.usd
          ? "spent"
          : "promised",
      };
    },
    async settle({ day, requestsBack, tokensBack, usdBack, usdSpent }) {
      await database.query(SETTLE, [provider, model, requestsBack, tokensBack, day, -usdBack, usdSpent]);
    },
    async today() {
      const [row] = await database.query<{ day: string; reserved_usd: number; spent_usd: number }>(SPEND);
      return { day: row!.day, reservedUsd: row!.reserved_usd, spentUsd: row!.spent_usd };
    },
  };
}

interface LeaseRow {
  readonly day: string;
  readonly count: number;
  readonly requests: number;
  readonly tokens: number;
  readonly affordable: number;
  readonly spent_usd: number;
}

const TODAY = `(now() at time zone 'utc')::date`;

const FIRST = `
  with gate as (
    insert into model_gates (provider, model) values ($1, $2) on conflict do nothing
  )
  insert into model_spend (day) values (${TODAY}) on conflict do nothing`;

/**
 * A bucket at its current level. A clock that went back refills nothing, and times it left in the future are
 * ignored.
 */
const filled = (column: string, size: string, perSecond: string) => `
  coalesce(least(${size}::float8, ${column} + ${perSecond}::float8 *
    greatest(0, least(extract(epoch from clock_timestamp() - refilled_at), 3600))), 0)::float8`;

/**
 * Both rows are locked before anything is decided; `count` is the same for each limit, or nothing is taken.
 */
const LEASE = `
  with gate as materialized (
    select ${filled("requests_left", "$4", "$5")} as requests, ${filled("tokens_left", "$6", "$7")} as tokens
    from model_gates where provider = $1 and model = $2 for update
  ), spend as materialized (
    select day, reserved_usd, spent_usd from model_spend where day = ${TODAY} for update
  ), able as materialized (
    select day, requests, tokens, spent_usd,
      case when $9::float8 is null or $10::float8 = 0 then $3::float8
        else floor(($9::float8 - reserved_usd) / $10::float8 + 1e-9) end as affordable
    from gate, spend
  ), granted as materialized (
    select *, greatest(0, least($3::float8, affordable,
      case when $4::float8 is null then $3::float8 else floor(requests + 1e-9) end,
      case when $6::float8 is null or $8::float8 = 0 then $3::float8 else floor(tokens / $8::float8 + 1e-9) end
    ))::int as count
    from able
  ), took as (
    update model_gates g
    set requests_left = granted.requests - case when $4::float8 is null then 0 else granted.count end,
      tokens_left = granted.tokens - granted.count * case when $6::float8 is null then 0 else $8::float8 end,
      refilled_at = clock_timestamp()
    from granted where g.provider = $1 and g.model = $2
  ), paid as (
    update model_spend s set reserved_usd = s.reserved_usd + granted.count * $10::float8
    from granted where s.day = granted.day and granted.count > 0 and $10::float8 > 0
  )
  select to_char(day, 'YYYY-MM-DD') as day, count, requests, tokens, affordable, spent_usd from granted`;

const SETTLE = `
  with gate as (
    update model_gates set requests_left = requests_left + $3::float8, tokens_left = tokens_left + $4::float8
    where provider = $1 and model = $2 and ($3::float8 <> 0 or $4::float8 <> 0)
  )
  insert into model_spend as s (day, reserved_usd, spent_usd)
  values ($5::text::date, greatest(0, $6::float8), $7::float8)
  on conflict (day) do update set reserved_usd = greatest(0, s.reserved_usd + $6::float8),
    spent_usd = s.spent_usd + $7::float8`;

const SPEND = `
  select to_char(${TODAY}, 'YYYY-MM-DD') as day, coalesce(reserved_usd, 0)::float8 as reserved_usd,
    coalesce(spent_usd, 0)::float8 as spent_usd
  from (select 1) one left join model_spend on day = ${TODAY}`;
