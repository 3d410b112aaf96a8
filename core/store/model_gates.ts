/**
 * The circuit before each model, shared by all workers: one row per provider and model. Times are the
 * database's.
 */
import type { Database } from "./database.ts";
import { HORIZON, HORIZON_MS } from "./clock_skew.ts";

/** Why a circuit is closed to analyses, by what the endpoint said or did. */
export type ClosedReason = "outage" | "rate" | "quota" | "credentials";

export interface Closure {
  /** The fence: only a probe of this closure may end it. */
  readonly number: number;
  readonly reason: ClosedReason;
  /** What the endpoint said, to show. */
  readonly detail: string;
  /** In milliseconds since the epoch. */
  readonly since: number;
  /** Until the next probe may begin, in milliseconds; 0 when it may now. */
  readonly probeInMs: number;
  readonly probing: boolean;
}

export interface Circuit {
  /** Null while analyses may begin. */
  readonly closure: Closure | null;
  /** Until a 429's pause is over, in milliseconds; 0 when there is none. */
  readonly blockedForMs: number;
}

/** Permission for one analysis while the circuit is closed. */
export interface Probe {
  readonly number: number;
  readonly closure: number;
  /** Probes of this closure that have failed. */
  readonly failedBefore: number;
}

export interface ModelGates {
  read(): Promise<Circuit>;
  /**
   * Closes the circuit. A closed one stays closed, for the newest reason, and is probed no earlier than
   * either asks.
   */
  close(reason: ClosedReason, detail: string, probeInMs: number): Promise<void>;
  /** Pauses all analyses. A pause shorter than the present one changes nothing. */
  block(forMs: number): Promise<void>;
  /** Takes the probe, if it is due and no other worker has it; it expires after `leaseMs`. */
  probe(leaseMs: number): Promise<Probe | undefined>;
  /** Ends a probe without a result; the next one begins after `nextInMs`, unless it has begun already. */
  probeEnded(probe: Probe, nextInMs: number, outcome: "failed" | "unused"): Promise<void>;
  /** Opens the circuit after a successful probe. Does nothing if it has been closed again since. */
  open(probe: Probe): Promise<void>;
  /** Lets the next probe begin now, as after a start with another key. */
  probeNow(): Promise<void>;
}

const MAX_DETAIL_CHARS = 300;

export function createModelGates(database: Database, provider: string, model: string): ModelGates {
  const key = [provider, model] as const;
  const within = (ms: number) => Math.max(0, Math.min(ms, HORIZON_MS));

  return {
    async read() {
      const [row] = await database.query<CircuitRow>(READ, key);
      return row === undefined ? { closure: null, blockedForMs: 0 } : toCircuit(row);
    },
    async close(reason, detail, probeInMs) {
      const said = detail.replaceAll("\0", "").slice(0, MAX_DETAIL_CHARS).toWellFormed();
      await database.query(CLOSE, [...key, reason, said, within(probeInMs)]);
    },
    async block(forMs) {
      await database.query(BLOCK, [...key, within(forMs)]);
    },
    async probe(leaseMs) {
      const [row] = await database.query<ProbeRow>(PROBE, [...key, within(leaseMs)]);
      return row && {
        number: Number(row.probes),
        closure: Number(row.closures),
        failedBefore: row.failed_probes,
      };
    },
    async probeEnded(probe, nextInMs, outcome) {
      await database.query(PROBE_ENDED, [
        ...key,
        probe.number,
        within(nextInMs),
        outcome === "failed" ? 1 : 0,
      ]);
    },
    async open(probe) {
      await database.query(OPEN, [...key, probe.closure]);
    },
    async probeNow() {
      await database.query(PROBE_NOW, key);
    },
  };
}

interface CircuitRow {
  readonly closures: string | number;
  readonly reason: ClosedReason | null;
  readonly detail: string | null;
  readonly since_ms: number | null;
  readonly probe_in_ms: number;
  readonly probing: boolean;
  readonly blocked_for_ms: number;
}

interface ProbeRow {
  readonly probes: string | number;
  readonly closures: string | number;
  readonly failed_probes: number;
}

function toCircuit(row: CircuitRow): Circuit {
  return {
    blockedForMs: row.blocked_for_ms,
    closure: row.reason === null ? null : {
      number: Number(row.closures),
      reason: row.reason,
      detail: row.detail ?? "",
      since: row.since_ms!,
      probeInMs: row.probe_in_ms,
      probing: row.probing,
    },
  };
}

const inMs = (parameter: string) => `now() + ${parameter}::float8 * interval '1 millisecond'`;

/** Milliseconds from now until a time; 0 if it is past, or later than the present clock can have written. */
const until = (time: string) => `
  coalesce(case when ${time} between now() and ${HORIZON} then extract(epoch from ${time} - now()) * 1000 end, 0)::float8`;

const ME = "provider = $1 and model = $2";

const READ = `
  select closures, reason, detail, (extract(epoch from closed_at) * 1000)::float8 as since_ms,
    ${until("probe_at")} as probe_in_ms, probing, ${until("blocked_until")} as blocked_for_ms
  from model_gates where ${ME}`;

const CLOSE = `
  insert into model_gates as g (provider, model, closed_at, reason, detail, closures, probe_at)
  values ($1, $2, now(), $3, $4, 1, ${inMs("$5")})
  on conflict (provider, model) do update set
    closed_at = coalesce(g.closed_at, excluded.closed_at),
    reason = excluded.reason,
    detail = excluded.detail,
    closures = g.closures + case when g.reason is null then 1 else 0 end,
    failed_probes = case when g.reason is null then 0 else g.failed_probes end,
    probing = g.reason is not null and g.probing,
    probe_at = case when g.reason is null or g.probe_at > ${HORIZON} then excluded.probe_at
      else greatest(g.probe_at, excluded.probe_at) end`;

const BLOCK = `
  insert into model_gates as g (provider, model, blocked_until) values ($1, $2, ${inMs("$3")})
  on conflict (provider, model) do update set
    blocked_until = case when g.blocked_until > ${HORIZON} then excluded.blocked_until
      else greatest(g.blocked_until, excluded.blocked_until) end`;

const PROBE = `
  update model_gates set probing = true, probes = probes + 1, probe_at = ${inMs("$3")}
  where ${ME} and reason is not null and not (probe_at > now() and probe_at <= ${HORIZON})
  returning probes, closures, failed_probes`;

const PROBE_ENDED = `
  update model_gates set probing = false, probe_at = ${inMs("$4")}, failed_probes = failed_probes + $5::int
  where ${ME} and probes = $3::bigint and reason is not null`;

const OPEN = `
  update model_gates set closed_at = null, reason = null, detail = null, probing = false, failed_probes = 0
  where ${ME} and closures = $3::bigint and reason is not null`;

const PROBE_NOW =
  `update model_gates set probe_at = now() where ${ME} and reason is not null and not probing`;
