/** Access to the API, as it is configured. */
import type { Config } from "../core/config.ts";
import { redisConnection } from "../core/open.ts";
import type { Logger } from "../core/telemetry/log.ts";
import { createRateLimit } from "./rate_limit.ts";
import type { ApiOptions } from "./serve.ts";
import { openKeys } from "./keys.ts";

export function openAccess(
  config: Config,
  log: Logger,
  stack: AsyncDisposableStack,
): NonNullable<ApiOptions["access"]> {
  const {
    apiKeysFiles,
    rateLimitPerMinute,
    trustProxy,
    allowAnonymous,
    allowedHosts,
    logAddresses,
  } = config;
  const redis = redisConnection(config);
  return {
    keys: apiKeysFiles === undefined ? undefined : stack.use(openKeys({ paths: apiKeysFiles, log })),
    hosts: allowedHosts.includes("*") ? undefined : allowedHosts,
    rateLimit: rateLimitPerMinute === 0
      ? undefined
      : stack.use(createRateLimit({ perMinute: rateLimitPerMinute, redis })),
    logAddresses,
    trustProxy,
    allowAnonymous,
  };
}
