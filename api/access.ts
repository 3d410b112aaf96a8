/** Who may do what, and how often. Health, metrics and documentation are open; they reveal no thought. */
import type { Context, MiddlewareHandler } from "hono";
import { addressOf } from "./address.ts";
import { authorityOf, withoutPort } from "./host.ts";
import type { Grant, Keys, Scope } from "./keys.ts";
import type { Env } from "./observe.ts";
import { Problem } from "./problem.ts";
import { createRateLimit, type RateLimit } from "./rate_limit.ts";

export interface AccessOptions {
  /** Keys that are admitted. @default none are needed */
  readonly keys?: Keys | undefined;
  /**
   * Host names accepted without a key, no ports. To a browser, a page of another site whose name is made to
   * point at this machine (DNS rebinding) has the same origin, but the browser still sends that name.
   *
   * @default any
   */
  readonly hosts?: readonly string[] | undefined;
  /** Requests of one caller. @default no limit */
  readonly rateLimit?: RateLimit | undefined;
  /** Whether a reverse proxy in front names the caller in `X-Forwarded-For`. @default false */
  readonly trustProxy?: boolean;
}

/** Requests without a valid key that one address may make in a minute. */
const FAILURES_PER_MINUTE = 60;
/** Notifications of alerts that one caller may deliver in a minute; the rate limit ignores them. */
const ALERTS_PER_MINUTE = 300;

/** @returns the checks that guard a route of a scope, in the order they run */
export function guards(
  { keys, hosts, rateLimit, trustProxy = false }: AccessOptions,
): (scope: Scope) => MiddlewareHandler<Env>[] {
  const failures = createRateLimit({ perMinute: FAILURES_PER_MINUTE, name: "failures" });
  const alerts = createRateLimit({ perMinute: ALERTS_PER_MINUTE, name: "alerts" });

  const checkHost = (hosts: readonly string[]): MiddlewareHandler<Env> => (c, next) => {
    const host = authorityOf(c.req.raw);
    if (host !== undefined && !hosts.includes(withoutPort(host))) {
      throw new Problem("misdirected", {
        errors: [{ field: "header.host", message: `must be one of ALLOWED_HOSTS: ${hosts.join(", ")}` }],
      });
    }
    return next();
  };

  const checkKey = (keys: Keys, scope: Scope): MiddlewareHandler<Env> => async (c, next) => {
    const grant = keys.find(bearer(c.req.header("authorization")));
    if (grant === undefined) {
      await count(c, failures, addressOf(c, trustProxy));
      throw new Problem("unauthorized", {
        headers: { "www-authenticate": `Bearer realm="thoughts"` },
        errors: [{ field: "header.authorization", message: "must be: Bearer <API key>" }],
      });
    }
    c.set("grant", grant);
    if (!grant.scopes.has(scope)) {
      throw new Problem("forbidden", {
        errors: [{ field: "header.authorization", message: `must be a key with the scope ${scope}` }],
      });
    }
    await next();
  };

  const checkRate = (limit: RateLimit): MiddlewareHandler<Env> => async (c, next) => {
    await count(c, limit, callerOf(c, trustProxy));
    await next();
  };

  return (scope) => {
    const limit = scope === "alerts" ? alerts : rateLimit;
    const checks: MiddlewareHandler<Env>[] = [];
    if (keys === undefined && hosts !== undefined) checks.push(checkHost(hosts));
    if (keys !== undefined) checks.push(checkKey(keys, scope));
    if (limit !== undefined) checks.push(checkRate(limit));
    return checks;
  };
}

/** The caller that limits count: the key if there is one, otherwise the address. */
export function callerOf(c: Context<Env>, trustProxy: boolean): string {
  const grant = c.get("grant");
  return grant === undefined ? `address:${addressOf(c, trustProxy)}` : `key:${grant.name}`;
}

/** Whether a caller may access the thoughts of a user; without keys every caller may. */
export function reaches(grant: Grant | undefined, userId: string): boolean {
  return grant === undefined || grant.user === null || grant.user === userId;
}

/** @throws {Problem} `rate-limited` */
async function count(c: Context<Env>, limit: RateLimit, caller: string): Promise<void> {
  const { allowed, remaining, resetS } = await limit.take(caller);
  c.header("ratelimit-policy", `"${limit.name}";q=${limit.perMinute};w=60`);
  c.header("ratelimit", `"${limit.name}";r=${remaining};t=${resetS}`);
  if (!allowed) throw new Problem("rate-limited", { headers: { "retry-after": String(resetS) } });
}

function bearer(header = ""): string {
  return /^Bearer +(\S+)$/i.exec(header)?.[1] ?? "";
}
