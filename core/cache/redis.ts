/** Redis, by ioredis. Everything here fails fast: an outage is a cache miss and never costs a batch more than 200 ms. */
import { Redis } from "ioredis";
import type { Cache } from "./cache.ts";
import { within } from "../deadline.ts";
import { type Logger, reason } from "../telemetry/log.ts";
import { withoutPassword } from "../address.ts";

export interface RedisAddress {
  /** `redis://host:6379`, a password may be in it. */
  readonly url: string;
  /** Used when the address has none. */
  readonly password?: string;
}

export interface RedisOptions extends RedisAddress {
  /** Entries live this long. */
  readonly ttlS: number;
  readonly log: Logger;
}

/** A whole look-up, connection and all, gets no longer than this. */
const ANSWER_MS = 150;
/** After a failure Redis is left alone for this long, so that an outage costs one wait and not one per batch. */
const REST_MS = 1_000;

/** A connection that comes up by itself and never makes a caller wait for it: commands fail while it is down. */
export function connectRedis({ url, password }: RedisAddress): Redis {
  const redis = new Redis(url, {
    ...(password === undefined ? {} : { password }),
    lazyConnect: true,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 1,
    connectTimeout: 2_000,
    commandTimeout: ANSWER_MS,
    retryStrategy: (attempts: number) => Math.min(2_000, 100 * attempts),
    keepAlive: 5_000,
  });
  redis.on("error", () => {}); // each failed command says so itself
  redis.connect().catch(() => {});
  return redis;
}

/** MSET knows no expiry; a SET for each would cost the client five times as much. */
const SET_ALL = `for i, key in ipairs(KEYS) do redis.call("SET", key, ARGV[i + 1], "EX", ARGV[1]) end`;

export function openRedis({ url, password, ttlS, log }: RedisOptions): Cache {
  const redis = connectRedis({ url, ...(password === undefined ? {} : { password }) });
  let restUntil = 0;

  /** Runs a command; undefined when Redis is resting, absent or slow. */
  async function attempt<T>(command: () => Promise<T>): Promise<T | undefined> {
    if (performance.now() < restUntil) return undefined;
    try {
      return await within(ANSWER_MS, "Redis", command());
    } catch (error) {
      restUntil = performance.now() + REST_MS;
      log.warn("cache does not answer, going on without it", { reason: reason(error) });
      return undefined;
    }
  }

  return {
    name: withoutPassword(url),
    async getMany(keys) {
      if (keys.length === 0) return [];
      const values = await attempt(() => redis.mget([...keys]));
      return keys.map((_, at) => values?.[at] ?? undefined);
    },
    async setMany(entries) {
      if (entries.size === 0) return;
      await attempt(() => redis.eval(SET_ALL, entries.size, ...entries.keys(), ttlS, ...entries.values()));
    },
    async ping() {
      await within(ANSWER_MS, "Redis", redis.ping());
    },
    async [Symbol.asyncDispose]() {
      redis.disconnect();
      await Promise.resolve();
    },
  };
}
