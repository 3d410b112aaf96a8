/** How long an endpoint asks to wait, from the headers that providers send with a 429 or a 503. */

/** In order of trust: the more exact first. */
const MILLISECONDS = ["retry-after-ms", "x-ms-retry-after-ms"];
/** `x-rate-limit-…` is Azure's. Only used-up limits are waited for: see {@link resetMs}. */
const LIMITS = ["requests", "tokens"];

/** @returns milliseconds, or undefined when the headers do not say */
export function retryAfterMs(headers: Headers, now = Date.now()): number | undefined {
  for (const name of MILLISECONDS) {
    const ms = number(headers.get(name));
    if (ms !== undefined) return ms;
  }
  const header = headers.get("retry-after");
  if (header !== null) {
    const seconds = number(header);
    if (seconds !== undefined) return seconds * 1_000;
    const date = /^[a-z]{3}/i.test(header) ? Date.parse(header) : NaN; // "-5" parses as a year
    if (!Number.isNaN(date)) return Math.max(0, date - now);
  }
  const resets = LIMITS.flatMap((limit) => resetMs(headers, limit) ?? []);
  return resets.length === 0 ? undefined : Math.max(...resets);
}

/**
 * A limit's reset, unless something is left of it: a provider sends both limits, and one of them is the
 * reason.
 */
function resetMs(headers: Headers, limit: string): number | undefined {
  const left = number(headers.get(`x-ratelimit-remaining-${limit}`));
  if (left !== undefined && left > 0) return undefined;
  const reset = headers.get(`x-ratelimit-reset-${limit}`) ?? headers.get(`x-rate-limit-reset-${limit}`);
  return reset === null ? undefined : durationMs(reset);
}

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** As Go writes durations ("1m30s", "7.66s", "12ms"), or a bare number of seconds. */
function durationMs(text: string): number | undefined {
  const seconds = number(text);
  if (seconds !== undefined) return seconds * 1_000;
  const compact = text.trim();
  if (!/^(\d+(\.\d+)?(ms|[smhd]))+$/.test(compact)) return undefined;
  return [...compact.matchAll(/(\d+(?:\.\d+)?)(ms|[smhd])/g)]
    .reduce((sum, [, amount, unit]) => sum + Number(amount) * UNIT_MS[unit!]!, 0);
}

function number(text: string | null): number | undefined {
  return text !== null && /^\s*\d+(\.\d+)?\s*$/.test(text) ? Number(text) : undefined;
}
