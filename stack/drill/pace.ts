/** How a fast drill makes time run: the stack's own rules and routes, with every duration divided. */
import { parser } from "@prometheus-io/lezer-promql";

/** 15 minutes become one. */
export const SPEED = 15;
/** A window must always contain a thought of the slow analyser, which takes 31 s. */
const LEAST_WINDOW_MS = 40_000;

const UNITS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000, y: 31_536_000_000 };

/**
 * A duration of Prometheus or Alertmanager, such as "1h30m", divided by {@linkcode SPEED}.
 *
 * @throws {SyntaxError} when it is not one
 */
export function quickDuration(text: string, speed = SPEED): string {
  return `${quickMs(text, speed)}ms`;
}

/** A PromQL expression whose windows and offsets are divided by {@linkcode SPEED}, down to 40 s. */
export function quickQuery(expr: string, speed = SPEED, leastWindowMs = LEAST_WINDOW_MS): string {
  let quick = "";
  let end = 0;
  parser.parse(expr).iterate({
    enter({ name, from, to }) {
      if (name !== "NumberDurationLiteralInDurationContext") return;
      quick += `${expr.slice(end, from)}${Math.max(quickMs(expr.slice(from, to), speed), leastWindowMs)}ms`;
      end = to;
    },
  });
  return quick + expr.slice(end);
}

function quickMs(text: string, speed: number): number {
  if (!/^(\d+(ms|[smhdwy]))+$/.test(text)) throw new SyntaxError(`"${text}" is not a duration such as 5m`);
  const parts = [...text.matchAll(/(\d+)(ms|[smhdwy])/g)];
  const ms = parts.reduce(
    (sum, [, count, unit]) => sum + Number(count) * UNITS[unit as keyof typeof UNITS],
    0,
  );
  return Math.ceil(ms / speed);
}
