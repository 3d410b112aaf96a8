/**
 * Security headers of every response. Set before the handler runs: changing a finished response, as Hono's
 * middleware does, took a quarter of the time of a POST (docs/decisions/0041).
 */
import type { MiddlewareHandler } from "hono";

const HEADERS: readonly (readonly [name: string, value: string])[] = [
  // A response that is not a page may load nothing and not be framed; pages have their own policy.
  ["content-security-policy", "default-src 'none'; frame-ancestors 'none'"],
  ["x-content-type-options", "nosniff"],
  ["referrer-policy", "no-referrer"],
  ["cross-origin-resource-policy", "same-origin"],
];

/**
 * Headers of a page beyond those of every response. An opener policy matters to pages alone, and Deno sends a
 * head and a body of together more than 512 bytes as two packets: with it, every POST's response was.
 *
 * @param policy the page's Content-Security-Policy
 */
export const pageHeaders = (policy: string) => ({
  "content-security-policy": policy,
  "cross-origin-opener-policy": "same-origin",
});

export function securityHeaders(): MiddlewareHandler {
  return async (c, next) => {
    for (const [name, value] of HEADERS) c.header(name, value);
    await next();
  };
}
