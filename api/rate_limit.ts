/** How often one caller may ask: counted in Redis for all API processes together, or in memory. */
import {
  type RateLimiterAbstract,
  RateLimiterMemory,
  RateLimiterRedis,
  RateLimiterRes,
} from "rate-limiter-flexible";
import { connectRedis, type RedisAddress } from "../core/cache/redis.ts";

export interface RateLimit extends AsyncDisposable {
  /** Counts a request. Answers 0 when it may go on, else the seconds until the next one may. Never throws. */
  take(caller: string): Promise<number>;
}

/** The window in which requests are counted, in seconds. */
const WINDOW_S = 60;

/**
 * @param perMinute requests one caller may make in a minute
 * @param redis shared counters; while it is away each process counts for itself
 */
export function createRateLimit(perMinute: number, redis?: RedisAddress): RateLimit {
  const window = { points: perMinute, duration: WINDOW_S, keyPrefix: "rate" };
  const memory = new RateLimiterMemory(window);
  const client = redis && connectRedis(redis);
  const limiter: RateLimiterAbstract = client === undefined ? memory : new RateLimiterRedis({
    ...window,
    storeClient: client,
    insuranceLimiter: memory,
    rejectIfRedisNotReady: true,
  });
  return {
    async take(caller) {
      try {
        await limiter.consume(caller);
        return 0;
      } catch (refusal) {
        if (!(refusal instanceof RateLimiterRes)) return 0;
        const waitS = Math.max(1, Math.ceil(refusal.msBeforeNext / 1_000));
        if (waitS <= WINDOW_S) return waitS;
        // Longer than any window: the clock by which it ends went back. The caller starts a new one.
        await limiter.delete(caller).catch(() => {});
        return 0;
      }
    },
    [Symbol.asyncDispose]() {
      client?.disconnect();
      return Promise.resolve();
    },
  };
}
