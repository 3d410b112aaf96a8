/** The cache inside the process, used when no Redis is configured. */
import { LRUCache } from "lru-cache";
import type { Cache } from "./cache.ts";

/** A result is about 1 kB: some 20 MB at most. */
const MAX_ENTRIES = 20_000;

export function openMemoryCache(ttlS: number): Cache {
  const entries = new LRUCache<string, string>({ max: MAX_ENTRIES, ttl: ttlS * 1_000 });
  return {
    name: "in-process",
    getMany: (keys) => Promise.resolve(keys.map((key) => entries.get(key))),
    setMany(given) {
      for (const [key, value] of given) entries.set(key, value);
      return Promise.resolve();
    },
    deleteMany(keys) {
      for (const key of keys) entries.delete(key);
      return Promise.resolve();
    },
    ping: () => Promise.resolve(),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}
