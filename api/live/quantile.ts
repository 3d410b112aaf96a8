/** Quantiles from prom-client's request histogram. */

/** Observations up to each bound, `Infinity` included, in the order of the bounds. */
export type Buckets = ReadonlyMap<number, number>;

interface Value {
  readonly metricName?: string;
  readonly labels: Readonly<Partial<Record<string, string | number>>>;
  readonly value: number;
}

/** Routes and methods that this page itself polls, or that stay open: they would dominate. */
const OWN = new Set(["GET /thoughts", "GET /thoughts/:id/events"]);

/** Adds up the buckets of all requests for thoughts that succeeded, but for the page's own. */
export function countsByBound(values: readonly Value[]): Buckets {
  const counts = new Map<number, number>();
  for (const { metricName, labels, value } of values) {
    if (!metricName?.endsWith("_bucket") || !String(labels.route).startsWith("/thoughts")) continue;
    if (OWN.has(`${labels.method} ${labels.route}`)) continue;
    if (Number(labels.status) >= 400) continue;
    const bound = labels.le === "+Inf" ? Infinity : Number(labels.le);
    counts.set(bound, (counts.get(bound) ?? 0) + value);
  }
  return new Map([...counts].sort(([a], [b]) => a - b));
}

/**
 * The quantile of what was observed between two samples, in seconds, interpolated inside its bucket as
 * Prometheus's `histogram_quantile` does; null if nothing was.
 *
 * @param q 0 to 1
 */
export function quantile(q: number, before: Buckets, after: Buckets): number | null {
  const counts = [...after].map(([bound, count]) => ({ bound, count: count - (before.get(bound) ?? 0) }));
  const total = counts.at(-1)?.count ?? 0;
  if (total <= 0) return null;
  const rank = q * total;
  const at = counts.findIndex(({ count }) => count >= rank);
  const lower = counts[at - 1] ?? { bound: 0, count: 0 };
  const { bound, count } = counts[at]!;
  if (bound === Infinity) return lower.bound;
  return lower.bound + (bound - lower.bound) * (rank - lower.count) / (count - lower.count);
}
