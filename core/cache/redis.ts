/**
 * Redis, by ioredis. Everything here fails fast: an outage is a cache miss and never costs a batch more than
 * 200 ms.
 */
import { isIP } from "node:net";
import { Redis, type RedisOptions as ClientOptions } from "ioredis";
import type { Cache } from "./cache.ts";
import { within } from "../deadline.ts";
import { readNamedFile } from "../named_file.ts";
import { type Logger, reason } from "../telemetry/log.ts";
import { UnavailableError } from "../unavailable.ts";
import { parseRedisAddress } from "./redis_address.ts";

export interface RedisConnectionOptions {
  /** `redis://user@host:6379/0`, or `rediss://` for TLS; a password may be in it. */
  readonly url: string;
  /** Used if the address has none. */
  readonly password?: string;
  /**
   * File in PEM of the authority that signed the server's certificate.
   * @default those that the system knows
   */
  readonly caFile?: string;
  /** Prefix of every key. @default "" */
  readonly prefix?: string;
}

export interface RedisOptions extends RedisConnectionOptions {
  /** Lifetime of entries. */
  readonly ttlS: number;
  readonly log: Logger;
}

/** The deadline of a whole lookup, connection included. */
const ANSWER_MS = 150;
/**
 * After a failure Redis is not used for this long: an outage costs one wait, not one per batch.
 */
const REST_MS = 1_000;
/** Written by {@link Cache.ping}: a replica can be read, but is useless. */
const PROBE = "analysis:ping";

/**
 * A connection that reconnects by itself and never keeps a caller waiting: commands fail while it is down.
 */
export function connectRedis({ url, password, caFile, prefix = "" }: RedisConnectionOptions): Redis {
  const address = parseRedisAddress(url);
  const options: ClientOptions = {
    host: address.host,
    port: address.port,
    db: address.database,
    ...(address.user === undefined ? {} : { username: address.user }),
    ...withPassword(address.password ?? password),
    ...(address.tls ? { tls: tlsOptions(address.host, caFile) } : {}),
    keyPrefix: prefix,
    lazyConnect: true,
    enableOfflineQueue: false,
    // It asks for INFO, which is a dangerous command to many users' rights, and would print advice of its own.
    enableReadyCheck: false,
    maxRetriesPerRequest: 1,
    connectTimeout: 2_000,
    commandTimeout: ANSWER_MS,
    retryStrategy: (attempts: number) => Math.min(2_000, 100 * attempts),
    // Demoted to a replica: its name may resolve to the new primary.
    reconnectOnError: (error: Error) => /^READONLY/.test(error.message),
    keepAlive: 5_000,
  };
  const redis = new Redis(options);
  redis.on("error", () => {}); // each failed command reports it
  redis.connect().catch(() => {});
  return redis;
}

const withPassword = (password: string | undefined) => password === undefined ? {} : { password };

const tlsOptions = (host: string, caFile: string | undefined) => ({
  ...(isIP(host) ? {} : { servername: host }),
  ...(caFile === undefined ? {} : { ca: readNamedFile(caFile, "REDIS_CA_FILE") }),
});

/** MSET has no expiry; a SET for each would cost the client five times as much. */
const SET_ALL = `for i, key in ipairs(KEYS) do redis.call("SET", key, ARGV[i + 1], "EX", ARGV[1]) end`;

export function openRedis({ ttlS, log, ...connection }: RedisOptions): Cache {
  const redis = connectRedis(connection);
  let restUntil = 0;
  /** Why there is no connection: a command's error only says that there is none. */
  let refusal: Error | undefined;
  redis.on("error", (error: Error) => refusal = error);
  redis.on("ready", refuseCluster);

  /** Commands on many keys fail in a cluster, which is therefore refused at once. */
  async function refuseCluster() {
    const info = await redis.info("cluster").catch(() => "");
    if (!/cluster_enabled:1/.test(info)) return;
    refusal = new Error("it is a cluster; REDIS_URL must name a single server");
    log.error("cache refused, continuing without it", { reason: refusal.message });
    redis.disconnect();
  }

  /** @throws {UnavailableError} naming the cause */
  async function run<T>(command: () => Promise<T>): Promise<T> {
    try {
      const result = await within(ANSWER_MS, "Redis", command());
      refusal = undefined;
      return result;
    } catch (error) {
      if (error instanceof Error && /^READONLY/.test(error.message)) refusal = error; // it reconnects now
      const cause = refusal ?? error;
      throw new UnavailableError(`Redis: ${reason(cause)}`, { cause, why: whyOf(reason(cause)) });
    }
  }

  /** Runs a command; undefined while Redis is paused, absent or slow. */
  async function attempt<T>(command: () => Promise<T>): Promise<T | undefined> {
    if (performance.now() < restUntil) return undefined;
    try {
      return await run(command);
    } catch (error) {
      restUntil = performance.now() + REST_MS;
      log.warn("cache is not responding, continuing without it", { reason: (error as Error).message });
      return undefined;
    }
  }

  return {
    name: parseRedisAddress(connection.url).name,
    async getMany(keys) {
      if (keys.length === 0) return [];
      const values = await attempt(() => redis.mget([...keys]));
      return keys.map((_, at) => values?.[at] ?? undefined);
    },
    async setMany(entries) {
      if (entries.size === 0) return;
      await attempt(() => redis.eval(SET_ALL, entries.size, ...entries.keys(), ttlS, ...entries.values()));
    },
    async deleteMany(keys) {
      if (keys.length > 0) await attempt(() => redis.unlink([...keys]));
    },
    async ping() {
      await run(() => redis.set(PROBE, "", "PX", 1_000));
      // A user may have the right to this, but not to what the cache needs.
      await run(() => redis.eval(SET_ALL, 1, PROBE, 1, ""));
      await run(() => redis.mget([PROBE]));
    },
    [Symbol.asyncDispose]() {
      redis.disconnect();
      return Promise.resolve();
    },
  };
}

/** Why Redis cannot be used, in words fit for the public. */
function whyOf(message: string): string {
  if (/\b(WRONGPASS|NOAUTH)\b|invalid password/.test(message)) return "the login is refused";
  if (/\bNOPERM\b/.test(message)) return "its user lacks a right";
  if (/\bREADONLY\b/.test(message)) return "read-only";
  if (/\bOOM\b/.test(message)) return "out of memory";
  if (/\bLOADING\b/.test(message)) return "it is starting";
  if (/is a cluster|\b(MOVED|CROSSSLOT)\b/.test(message)) return "a cluster, which is not supported";
  if (/did not respond|timed out/.test(message)) return "no response";
  return "not reachable";
}
