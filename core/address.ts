/** Addresses of other services, fit to be shown. */

/** A URL without its password. */
export function withoutPassword(url: string): string {
  const parsed = new URL(url);
  parsed.password = "";
  return parsed.href;
}
