/** The address of a request's caller, in one spelling: limits and logs count one caller once. */
import { isIP, isIPv6 } from "node:net";
import type { Context } from "hono";

/** What `Deno.serve` reports about a connection; Hono gets it as its bindings. */
interface Connection {
  readonly remoteAddr?: { readonly hostname?: string };
}

/**
 * The caller's address: an IPv4 address, or the /64 of an IPv6 one, since its owner has all of it.
 *
 * @param trustProxy whether a reverse proxy names the caller in `X-Forwarded-For`. Its last entry is what the
 * proxy saw;
 *   those before it come from the caller
 */
export function addressOf(c: Context, trustProxy: boolean): string {
  const forwarded = trustProxy ? c.req.header("x-forwarded-for")?.split(",").at(-1) : undefined;
  const direct = (c.env as Connection | undefined)?.remoteAddr?.hostname ?? "";
  return canonical(forwarded ?? "") ?? canonical(direct) ?? "unknown";
}

/** @returns undefined for what is not an address */
function canonical(text: string): string | undefined {
  const address = withoutPort(text.trim());
  switch (isIP(address)) {
    case 4:
      return address;
    case 6:
      return ofIPv6(address);
    default:
      return undefined;
  }
}

/**
 * `1.2.3.4:80`, `[2001:db8::1]:80` and `[2001:db8::1]` without port and brackets, as some proxies write them.
 */
function withoutPort(text: string): string {
  const bracketed = /^"?\[([^\]]+)\](?::\d+)?"?$/.exec(text)?.[1];
  if (bracketed !== undefined) return bracketed;
  return isIPv6(text) ? text : text.replace(/:\d+$/, "");
}

function ofIPv6(address: string): string {
  // A URL writes any spelling in the shortest way (RFC 5952), IPv4 tails as hexadecimal.
  const short = new URL(`http://[${address.replace(/%.*$/, "")}]`).hostname.slice(1, -1);
  const [head = "", tail = ""] = short.split("::");
  const left = head === "" ? [] : head.split(":");
  const right = tail === "" ? [] : tail.split(":");
  const groups = short.includes("::")
    ? [...left, ...Array<string>(8 - left.length - right.length).fill("0"), ...right]
    : left;
  if (groups.slice(0, 5).every((group) => group === "0") && groups[5] === "ffff") {
    const [high = 0, low = 0] = groups.slice(6).map((group) => Number.parseInt(group, 16));
    return [high >> 8, high & 255, low >> 8, low & 255].join("."); // IPv4, mapped
  }
  return `${groups.slice(0, 4).join(":")}::/64`;
}
