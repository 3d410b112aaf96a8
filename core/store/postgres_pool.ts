/** Connections to PostgreSQL, each used by one caller at a time and abandoned when in doubt. */
import { connect, type Socket } from "node:net";
import postgres from "postgres";
import { DeadlineError, within } from "../deadline.ts";
import { DatabaseUnavailableError } from "./database.ts";
import type { PostgresAddress } from "./postgres_address.ts";

export interface Line {
  readonly sql: postgres.Sql;
  /** True once the connection broke or was dropped: it must not be used again. */
  readonly closed: () => boolean;
  /** Resolves once it is closed. */
  readonly ended: Promise<void>;
  /** Closes the connection at once, whatever is in progress on it. */
  drop(): void;
}

export interface PoolOptions {
  readonly address: PostgresAddress;
  readonly size: number;
  /** The server's settings of each connection, read whenever one is opened. */
  readonly settings: () => Readonly<Record<string, string | number>>;
  readonly tls: false | "prefer" | "require" | Readonly<Record<string, unknown>>;
  readonly password: string | undefined;
  /** A caller that has waited this long for a connection is refused. */
  readonly waitMs: number;
}

export interface Pool extends AsyncDisposable {
  /**
   * Runs with a connection of its own.
   *
   * @throws {DatabaseUnavailableError} when none is free in time, or too many wait
   */
  use<T>(run: (line: Line) => Promise<T>): Promise<T>;
  /** Abandons every connection: work in progress ends as it may, and the next callers reconnect. */
  renew(): void;
}

const MAX_WAITING = 1_000;
const CONNECT_TIMEOUT_S = 5;
/**
 * An unused connection is closed after this; longer than a caller may pause between the statements of a
 * transaction.
 */
const IDLE_S = 60;
const KEEP_ALIVE_MS = 30_000;
/** How long to wait for a server to accept a request to cancel. */
const CANCELLATION_MS = 5_000;

interface Waiter {
  /** Tells the caller whether it is its turn. */
  readonly tell: (turn: boolean) => void;
  readonly giveUpAt: number;
}

export function createPool({ address, size, settings, tls, password, waitMs }: PoolOptions): Pool {
  const idle: Line[] = [];
  const waiting: Waiter[] = [];
  let used = 0;
  let generation = 0;
  let sweeping: ReturnType<typeof setTimeout> | undefined;

  /** Resolves when it is the caller's turn; those who wait proceed in the order they came. */
  async function turn(): Promise<void> {
    if (used < size) return void used++;
    if (waiting.length >= MAX_WAITING) throw busy(`more than ${MAX_WAITING} statements wait`);
    const { promise, resolve } = Promise.withResolvers<boolean>();
    waiting.push({ tell: resolve, giveUpAt: performance.now() + waitMs });
    sweeping ??= setTimeout(sweep, waitMs);
    if (!await promise) throw busy(`no connection was free within ${waitMs} ms`);
  }

  /** Refuses those who have waited too long: one timer for all of them. */
  function sweep() {
    sweeping = undefined;
    const now = performance.now();
    while (waiting.length > 0 && waiting[0]!.giveUpAt <= now) waiting.shift()!.tell(false);
    if (waiting.length > 0) sweeping = setTimeout(sweep, waiting[0]!.giveUpAt - now);
  }

  function release() {
    const next = waiting.shift();
    if (next === undefined) used--;
    else next.tell(true);
  }

  return {
    async use(run) {
      await turn();
      const mine = generation;
      let line: Line | undefined;
      try {
        do line = idle.pop(); while (line?.closed());
        line ??= await openLine({ address, settings, tls, password });
        return await run(line);
      } finally {
        if (line !== undefined && !line.closed()) {
          if (mine === generation) idle.push(line);
          else line.drop();
        }
        release();
      }
    },
    renew() {
      generation++;
      for (const line of idle.splice(0)) line.drop();
    },
    async [Symbol.asyncDispose]() {
      generation++;
      clearTimeout(sweeping);
      await Promise.all(idle.splice(0).map((line) => line.sql.end({ timeout: 5 })));
    },
  };
}

const busy = (what: string) => new DatabaseUnavailableError(`PostgreSQL: ${what}`, { why: "busy" });

export interface LineOptions extends Pick<PoolOptions, "address" | "settings" | "tls" | "password"> {
  /** Called for each notification; the connection then stays open, however long it is idle. */
  readonly onNotify?: () => void;
}

/** One connection; if the address has several hosts, to the first that accepts writes. */
export async function openLine(options: LineOptions): Promise<Line> {
  const { hosts } = options.address;
  let refusal: unknown;
  for (const at of hosts) {
    const line = await lineTo(at, options).catch((error) => void (refusal = error));
    if (line === undefined) continue;
    if (hosts.length === 1) return line;
    try {
      const [state] = await within(
        CONNECT_TIMEOUT_S * 1_000,
        "PostgreSQL",
        line.sql.unsafe<{ transaction_read_only: string }[]>("show transaction_read_only"),
      );
      if (state!.transaction_read_only === "off") return line;
      refusal = new DatabaseUnavailableError("PostgreSQL: none of the hosts takes writes", {
        why: "read-only",
      });
    } catch (error) {
      refusal = error;
    }
    line.drop();
  }
  throw refusal;
}

async function lineTo(
  { host, port }: PostgresAddress["hosts"][number],
  { address, settings, tls, password, onNotify }: LineOptions,
): Promise<Line> {
  const timeoutS = address.connectTimeoutS ?? CONNECT_TIMEOUT_S;
  const openSocket = async () =>
    Object.assign(await connectSocket(host, port, timeoutS * 1_000), { host, port });
  const own = await openSocket(); // the system's own error then reports a server that is not there
  let taken = false;
  let closed = false;
  const ended = Promise.withResolvers<void>();
  const sql = postgres({
    host,
    port,
    user: address.user,
    database: address.database,
    password: password ?? "",
    max: 1,
    ssl: tls,
    // Ours, so that it can be destroyed: the library leaves one to a silent server half-open.
    socket() {
      // One that closed before it was ready, as behind a load balancer without a server: the library would try
      // again, without a pause.
      if (own.destroyed) throw new DatabaseUnavailableError("PostgreSQL: the connection broke");
      if (taken) return cancellation();
      taken = true;
      return own;
    },
    connect_timeout: timeoutS,
    idle_timeout: onNotify === undefined ? IDLE_S : null,
    ...(onNotify === undefined ? {} : { onnotify: onNotify }),
    max_lifetime: null,
    // Fetching types at connect can reject unhandled; arrays are passed as text instead.
    fetch_types: false,
    onnotice: () => {},
    onclose() {
      closed = true;
      ended.resolve();
    },
    connection: settings(),
  } as postgres.Options<Record<string, never>>);
  /** Closed by the server once it has cancelled: PgBouncer 1.18 dies of a client that closes it before. */
  async function cancellation() {
    const socket = await openSocket();
    const timer = setTimeout(() => socket.destroy(), CANCELLATION_MS);
    Deno.unrefTimer(timer);
    return socket.once("close", () => clearTimeout(timer));
  }
  return {
    sql,
    closed: () => closed,
    ended: ended.promise,
    drop() {
      closed = true;
      ended.resolve();
      sql.end({ timeout: 0 }).catch(() => {});
      own.destroy();
    },
  };
}

function connectSocket(host: string, port: number, timeoutMs: number): Promise<Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  const socket = connect({
    host,
    port,
    keepAlive: true,
    keepAliveInitialDelay: KEEP_ALIVE_MS,
    noDelay: true,
  });
  const timer = setTimeout(() => {
    socket.destroy();
    reject(new DeadlineError(`PostgreSQL did not take a connection within ${timeoutMs} ms`));
  }, timeoutMs);
  // It stays: a server that shuts down may reset a connection before the library listens.
  socket.on("error", reject).once("connect", () => resolve(socket));
  return promise.finally(() => clearTimeout(timer));
}
