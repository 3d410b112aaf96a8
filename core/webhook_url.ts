/** What a webhook's URL must be before anything is resolved; the address behind it is checked at each delivery. */
import { isPublicAddress } from "./public_address.ts";

/** Characters of a webhook's URL. */
export const WEBHOOK_URL_CHARS = 2_000;

/** Why a URL cannot be a webhook's; undefined if it can. */
export function refusalOf(text: string, privateHosts: readonly string[]): string | undefined {
  if (text.length > WEBHOOK_URL_CHARS) return `must be at most ${WEBHOOK_URL_CHARS} characters`;
  const url = URL.parse(text);
  if (url === null) return "must be a URL";
  const host = hostOf(url);
  const trusted = privateHosts.includes(host);
  if (url.protocol !== "https:" && !(trusted && url.protocol === "http:")) return "must begin with https://";
  if (url.username !== "" || url.password !== "") return "must not contain a user or password";
  if (url.hash !== "") return "must not contain a fragment";
  if (!trusted && (isLocalName(host) || (isAddress(host) && !isPublicAddress(host)))) {
    return "must not lead into a private network";
  }
  return undefined;
}

/** The host of a URL, as a name or an address without brackets. */
export function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[|\]$/g, "").replace(/\.$/, "").toLowerCase();
}

/** A URL's host is an address if it ends in a number, or has a colon. */
const isAddress = (host: string) => host.includes(":") || /(^|\.)\d+$/.test(host);

const isLocalName = (host: string) => host === "localhost" || host.endsWith(".localhost");
