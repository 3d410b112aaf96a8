/** Rate limits per caller: counted in Redis for all API processes together, or in memory. */
import {
  type RateLimiterAbstract,
  RateLimiterMemory,
  RateLimiterRedis,
  RateLimiterRes,
} from "rate-limiter-flexible";
import { connectRedis, type RedisConnectionOptions } from "../core/cache/redis.ts";

export interface RateLimitOptions {
  /** Requests that one caller may make in a minute. */
  readonly perMinute: number;
  /** Distinguishes limits, in Redis and in response headers. @default "requests" */
  readonly name?: string;
  /** Shared counters; while Redis is down each process counts for itself. @default in memory */
  readonly redis?: RedisConnectionOptions | undefined;
}

export interface RateLimit extends AsyncDisposable {
  readonly name: string;
  readonly perMinute: number;
  /** Counts a request. Never throws. */
  take(caller: string): Promise<Quota>;
}

/** What a caller has left. */
export interface Quota {
  readonly allowed: boolean;
  readonly remaining: number;
  /** Seconds until the window resets, at least 1. */
  readonly resetS: number;
}

/** The window in which requests are counted, in seconds. */
const WINDOW_S = 60;

export function createRateLimit({ perMinute, name = "requests", redis }: RateLimitOptions): RateLimit {
  const window = { points: perMinute, duration: WINDOW_S, keyPrefix: `rate:${name}` };
  const memory = new RateLimiterMemory(window);
  const client = redis && connectRedis(redis);
  const limiter: RateLimiterAbstract = client === undefined ? memory : new RateLimiterRedis({
    ...window,
    storeClient: client,
    insuranceLimiter: memory,
    rejectIfRedisNotReady: true,
  });
  return {
    name,
    perMinute,
    async take(caller) {
      try {
        return quota(true, await limiter.consume(caller));
      } catch (refusal) {
        const whole = { allowed: true, remaining: perMinute, resetS: WINDOW_S };
        if (!(refusal instanceof RateLimiterRes)) return whole;
        const refused = quota(false, refusal);
        if (refused.resetS <= WINDOW_S) return refused;
        // Longer than any window: its clock went back. The caller gets a new one.
        await limiter.delete(caller).catch(() => {});
        return whole;
      }
    },
    [Symbol.asyncDispose]() {
      client?.disconnect();
      return Promise.resolve();
    },
  };
}

function quota(allowed: boolean, { remainingPoints, msBeforeNext }: RateLimiterRes): Quota {
  return {
    allowed,
    remaining: Math.max(0, remainingPoints),
    resetS: Math.max(1, Math.ceil(msBeforeNext / 1_000)),
  };
}
