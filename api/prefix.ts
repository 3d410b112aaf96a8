/**
 * The path at which a reverse proxy serves the API: links in responses begin with it. Pages need no prefix,
 * their links are relative.
 */
import type { MiddlewareHandler } from "hono";
import type { Env } from "./observe.ts";

const PREFIX = /^(?:\/[\w.~-]+)+$/;

/** Reads `X-Forwarded-Prefix`; only for an API that trusts its proxy. */
export const readPrefix: MiddlewareHandler<Env> = (c, next) => {
  const prefix = c.req.header("x-forwarded-prefix")?.replace(/\/$/, "");
  if (prefix !== undefined && PREFIX.test(prefix)) c.set("prefix", prefix);
  return next();
};
