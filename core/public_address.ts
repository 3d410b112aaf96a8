/** Whether an address is one of the public internet's: what strangers name may lead there and nowhere else. */
import ipaddr from "ipaddr.js";

const GLOBAL_UNICAST = ipaddr.parseCIDR("2000::/3");

/**
 * True for an IP address that is globally reachable. Everything else is false: loopback, private networks,
 * link-local addresses with the clouds' metadata, multicast, and the forms of IPv6 that carry an IPv4 address.
 */
export function isPublicAddress(address: string): boolean {
  if (!ipaddr.isValid(address)) return false;
  const parsed = ipaddr.parse(address);
  if (parsed.range() !== "unicast") return false;
  return parsed.kind() === "ipv4" || parsed.match(GLOBAL_UNICAST);
}
