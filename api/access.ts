/** Who may use the API, and how often. Health, metrics and documentation are open; they tell nothing of any thought. */
import type { MiddlewareHandler } from "hono";
import type { RateLimit } from "./rate_limit.ts";
import type { Keys } from "./keys.ts";
import type { Env } from "./observe.ts";
import { Problem } from "./problem.ts";

export interface AccessOptions {
  /** Keys that are let in. @default everybody is */
  readonly keys?: Keys | undefined;
  /**
   * Names, without a port, by which who needs no key may call the API. A page of another site whose name is made to
   * point at this machine (DNS rebinding) is of the same origin to its browser, but it still says its own name.
   *
   * @default any
   */
  readonly hosts?: readonly string[] | undefined;
  /** @default no limit */
  readonly rateLimit?: RateLimit | undefined;
  /** Whether a reverse proxy in front names the caller in `X-Forwarded-For`. @default false */
  readonly trustProxy?: boolean;
}

/** What `Deno.serve` tells of a connection; handed to Hono as its bindings. */
interface Connection {
  readonly remoteAddr?: { readonly hostname?: string };
}

/** The checks that guard a route; none where nothing is configured, so that they cost nothing then. */
export function guards(
  { keys, hosts, rateLimit, trustProxy = false }: AccessOptions,
): MiddlewareHandler<Env>[] {
  const checks: MiddlewareHandler<Env>[] = [];
  if (keys === undefined && hosts !== undefined) {
    checks.push(async (c, next) => {
      const host = c.req.header("host")?.replace(/:\d+$/, "").toLowerCase();
      if (host !== undefined && !hosts.includes(host)) {
        throw new Problem("misdirected", {
          errors: [{ field: "header.host", message: `must be one of ALLOWED_HOSTS: ${hosts.join(", ")}` }],
        });
      }
      await next();
    });
  }
  if (keys !== undefined) {
    checks.push(async (c, next) => {
      const name = keys.nameOf(bearer(c.req.header("authorization")) ?? c.req.header("x-api-key") ?? "");
      if (name === undefined) {
        throw new Problem("unauthorized", {
          headers: { "www-authenticate": `Bearer realm="thoughts"` },
          errors: [{ field: "header.authorization", message: "must be: Bearer <API key>" }],
        });
      }
      c.set("caller", `key:${name}`);
      await next();
    });
  }
  if (rateLimit !== undefined) {
    checks.push(async (c, next) => {
      const caller = c.var.caller ??
        `address:${addressOf(c.env, c.req.header("x-forwarded-for"), trustProxy)}`;
      const waitS = await rateLimit.take(caller);
      if (waitS > 0) throw new Problem("rate-limited", { headers: { "retry-after": String(waitS) } });
      await next();
    });
  }
  return checks;
}

function bearer(header: string | undefined): string | undefined {
  return header === undefined ? undefined : /^Bearer\s+(\S+)$/i.exec(header)?.[1];
}

/** The last address of the list is the one that the trusted proxy itself saw; those before it anybody can write. */
function addressOf(connection: unknown, forwarded: string | undefined, trustProxy: boolean): string {
  const last = trustProxy ? forwarded?.split(",").at(-1)?.trim() : undefined;
  return last || (connection as Connection | undefined)?.remoteAddr?.hostname || "unknown";
}
