/** The statements of a listing. However rare the matches, a page scans a bounded part of the table. */
import { CANARY_USER, type Status } from "../thought.ts";
import { ofUser, ORDER_OF_USER } from "./by_user.ts";
import type { Parameter } from "./database.ts";

export interface Listing {
  readonly userId?: string;
  readonly status?: Status;
  /** Only thoughts accepted between these times, inclusive, in milliseconds since the epoch. */
  readonly createdFrom?: number;
  readonly createdTo?: number;
  /**
   * Only thoughts with this in their text or context; case-insensitive, as far as the database knows the
   * letters.
   */
  readonly search?: string;
  /** @default "desc", the newest first */
  readonly order?: "asc" | "desc";
  readonly limit: number;
  /** Only thoughts beyond the one with this id, in the order of the listing. */
  readonly beyond?: string;
  /** Leaves out text, context and result, which may be large. @default false */
  readonly slim?: boolean;
}

export interface Statement {
  readonly sql: string;
  readonly parameters: readonly Parameter[];
}

/** The most thoughts that a page scans: some tens of milliseconds. */
export const MOST_LOOKED_AT = 10_000;
/** The most bytes of text that a page searches: about a tenth of a second, ten times that on PGlite. */
export const MOST_SEARCHED_BYTES = 4 * 1_024 * 1_024;

/**
 * An id begins with the time at which its API process made it, `created_at` is the database's: their clocks
 * differ by less than this, in milliseconds. So ids narrow down a time, and `created_at` decides.
 */
const CLOCKS_DIFFER_MS = 60_000;

/** The predicates of the partial indexes, which PostgreSQL uses only if they match. */
const INDEXED: Record<Status, string> = {
  pending: "finished_at is null",
  processing: "finished_at is null",
  completed: "result is not null",
  failed: "finished_at is not null and result is null",
};

/**
 * Finds a page, with one thought more than its limit if there are more.
 *
 * @param columns those of the result
 * @param last the last thought that the page looks at, from {@link lastLookedAt}
 * @default by the number of thoughts
 */
export function listed(listing: Listing, columns: string, last?: string): Statement {
  const { status, search, createdFrom, createdTo, order = "desc", limit } = listing;
  const { parameters, add } = parametersOf();
  const looked = lookedAt(listing, add);
  const conditions = [
    ...(last === undefined ? [] : [`id ${order === "desc" ? ">=" : "<="} ${add(last)}::text::uuid`]),
    ...(status === undefined ? [] : [`status = ${add(status)}`]),
    ...(createdFrom === undefined ? [] : [`created_at >= ${time(add(createdFrom))}`]),
    ...(createdTo === undefined ? [] : [`created_at < ${time(add(createdTo + 1))}`]),
  ];
  if (search !== undefined) {
    const wanted = `lower(${add(search)}::text)`;
    conditions.push(`(strpos(lower(text), ${wanted}) > 0 or strpos(lower(context), ${wanted}) > 0)`);
  }
  const sql = `
    select ${columns} from (select * ${looked} limit ${MOST_LOOKED_AT}) looked_at
    where ${conditions.join(" and ") || "true"} order by ${orderOf(listing)} limit ${add(limit + 1)}`;
  return { sql, parameters };
}

/** Finds the last thought that a page scans; none if it reaches the end. */
export function lastLookedAt(listing: Listing): Statement {
  const { search } = listing;
  const { parameters, add } = parametersOf();
  const looked = lookedAt(listing, add);
  if (search === undefined) {
    return { sql: `select id ${looked} offset ${MOST_LOOKED_AT - 1} limit 1`, parameters };
  }
  // Lengths are known without reading what is stored outside the row.
  const sql = `
    select id from (
      select id, sum(bytes) over so_far as bytes, row_number() over so_far as place
      from (
        select user_id, id, octet_length(text) + coalesce(octet_length(context), 0) as bytes ${looked} limit ${MOST_LOOKED_AT}
      ) looked_at
      window so_far as (order by ${orderOf(listing)} rows unbounded preceding)
    ) sizes
    where place = ${MOST_LOOKED_AT} or bytes >= ${MOST_SEARCHED_BYTES} order by place limit 1`;
  return { sql, parameters };
}

/** The thoughts that an index finds, in the order of the listing. */
function lookedAt(listing: Listing, add: (value: Parameter) => string): string {
  const { userId, status, createdFrom, createdTo, order = "desc", beyond } = listing;
  const conditions = [userId === undefined ? `user_id <> '${CANARY_USER}'` : ofUser(add(userId))];
  // With a user, the user's index is the better one.
  if (status !== undefined && userId === undefined) conditions.push(INDEXED[status]);
  if (beyond !== undefined) conditions.push(`id ${order === "desc" ? "<" : ">"} ${add(beyond)}::text::uuid`);
  if (createdFrom !== undefined) {
    conditions.push(`id >= ${add(firstIdAt(createdFrom - CLOCKS_DIFFER_MS))}::text::uuid`);
  }
  if (createdTo !== undefined) {
    conditions.push(`id < ${add(firstIdAt(createdTo + CLOCKS_DIFFER_MS))}::text::uuid`);
  }
  return `from thoughts where ${conditions.join(" and ")} order by ${orderOf(listing)}`;
}

function orderOf({ userId, order = "desc" }: Listing): string {
  return userId === undefined ? `id ${order}` : ORDER_OF_USER[order];
}

/** The lowest id, of version 7, that can be made at a time. */
export function firstIdAt(ms: number): string {
  const hex = Math.min(Math.max(0, ms), 2 ** 48 - 1).toString(16).padStart(12, "0");
  return `${hex.slice(0, 8)}-${hex.slice(8)}-0000-0000-000000000000`;
}

/** When an id, of version 7, was made, in milliseconds since the epoch. */
export function timeOf(id: string): number {
  return parseInt(id.replace("-", "").slice(0, 12), 16);
}

const time = (parameter: string) => `to_timestamp(${parameter}::float8 / 1000)`;

function parametersOf() {
  const parameters: Parameter[] = [];
  return { parameters, add: (value: Parameter) => `$${parameters.push(value)}` };
}
