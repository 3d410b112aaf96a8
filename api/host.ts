/**
 * The host name of a request. Deno puts `Host` before the path to make the URL, so a `Host` with a `/` or a
 * `#` would choose the route: past a proxy that filters by path, `Host: x/metrics#` would reach the metrics.
 */
import { getPath } from "hono/utils/url";

/** The path given to requests with such a name; a real one has no space. */
export const BAD_HOST_PATH = "/ bad host";

/**
 * What Deno puts in the URL of an HTTP/1.1 request without `Host`. (HTTP/2 to this very name looks the same.)
 */
const NO_HOST = /^localhost:\d+$/;
const HOST = /^(?:[a-z0-9._~-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?$/i;

/** Hono's `getPath`: the path, unless the name is not one. */
export function pathOf(request: Request): string {
  return authorityOf(request) === undefined ? BAD_HOST_PATH : getPath(request);
}

/**
 * The name in `Host`, or in the URL where HTTP/2 and the absolute form have it.
 *
 * @returns undefined when it is missing, is not a name, or when the two disagree
 */
export function authorityOf(request: Request): string | undefined {
  const { url } = request;
  const start = url.indexOf("//") + 2;
  const end = url.indexOf("/", start);
  const authority = end < 0 ? url.slice(start) : url.slice(start, end);
  const host = request.headers.get("host");
  if (host === null) return HOST.test(authority) && !NO_HOST.test(authority) ? authority : undefined;
  return host === authority && HOST.test(host) ? host : undefined;
}

/** The name without its port, in lower case. */
export function withoutPort(authority: string): string {
  return authority.replace(/:\d+$/, "").toLowerCase();
}
