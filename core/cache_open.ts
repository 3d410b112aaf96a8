/** Chooses the cache: Redis where an address is configured, else memory. */
import type { Cache } from "./cache.ts";
import type { Config } from "./config.ts";
import type { Logger } from "./log.ts";
import { openMemoryCache } from "./memory_cache.ts";
import { openRedis } from "./redis.ts";

export function openCache(
  config: Pick<Config, "redisUrl" | "redisPassword" | "cacheTtlS">,
  log: Logger,
): Cache {
  const { redisUrl: url, redisPassword: password, cacheTtlS: ttlS } = config;
  return url === undefined
    ? openMemoryCache(ttlS)
    : openRedis({ url, ttlS, log, ...(password === undefined ? {} : { password }) });
}
