/**
 * Logs: one JSON object per line on stdout, never with a thought's text; fields are ids, counts and
 * durations.
 */
import { createLineWriter } from "./stdout.ts";
import { activeTrace } from "./tracing.ts";

export const LEVELS = ["DEBUG", "INFO", "WARN", "ERROR"] as const;
export type Level = (typeof LEVELS)[number];

export type Fields = Readonly<Record<string, string | number | boolean | null | undefined>>;

export interface Logger {
  debug(msg: string, fields?: Fields): void;
  info(msg: string, fields?: Fields): void;
  warn(msg: string, fields?: Fields): void;
  error(msg: string, fields?: Fields): void;
  /** True if lines of this level are written; check before building fields for many lines. */
  enabled(level: Level): boolean;
  /** Writes what is still buffered. */
  flush(): void;
  /** Flushes, and resolves when it is written, or after this many milliseconds. */
  drain(ms: number): Promise<void>;
}

export interface LoggerOptions {
  /** The `service` field of each line. */
  readonly service: string;
  /** The lowest level written. @default "INFO" */
  readonly level?: Level;
  /** Where lines go, many at a time, each ending in a newline. @default stdout */
  readonly write?: (lines: string) => void;
  /** @default Date.now */
  readonly now?: () => number;
}

/** A larger buffer is written at once, which bounds memory. */
const MAX_HELD_CHARS = 64 * 1_024;

/**
 * A logger. Lines are gathered and written once per turn of the event loop: under load one write carries
 * many.
 * `trace_id` and `span_id` come from the active span, unless the fields bring their own.
 */
export function createLogger(options: LoggerOptions): Logger {
  const { service, level = "INFO", now = Date.now } = options;
  const writer = options.write === undefined ? createLineWriter() : undefined;
  const write = options.write ?? writer!.write;
  const lowest = LEVELS.indexOf(level);
  let held = "";
  let [timeMs, time] = [NaN, ""]; // many lines share a millisecond
  let scheduled = false;

  function flush() {
    scheduled = false;
    if (held === "") return;
    const lines = held;
    held = "";
    write(lines);
  }

  function line(at: Level, msg: string, fields?: Fields) {
    if (LEVELS.indexOf(at) < lowest) return;
    const ms = now();
    if (ms !== timeMs) [timeMs, time] = [ms, new Date(ms).toISOString()];
    held += escapeActive(JSON.stringify({ time, level: at, msg, service, ...activeTrace(), ...fields })) +
      "\n";
    if (held.length > MAX_HELD_CHARS) return flush();
    if (scheduled) return;
    scheduled = true;
    setTimeout(flush, 0);
  }

  return {
    debug: (msg, fields) => line("DEBUG", msg, fields),
    info: (msg, fields) => line("INFO", msg, fields),
    warn: (msg, fields) => line("WARN", msg, fields),
    error: (msg, fields) => line("ERROR", msg, fields),
    enabled: (at) => LEVELS.indexOf(at) >= lowest,
    flush,
    async drain(ms) {
      flush();
      await writer?.drain(ms);
    },
  };
}

/**
 * Characters that JSON allows but a terminal, an editor or a log collector may act on: DEL and the C1
 * controls, marks and overrides of direction, line and paragraph separators.
 */
const ACTIVE = /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

function escapeActive(json: string): string {
  return json.replace(ACTIVE, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** The cause of an error, in one line fit for a log: messages only, never a stack and never data. */
export function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // AggregateError, and libraries' own kinds.
  if ("errors" in error && Array.isArray(error.errors) && error.errors.length > 0) {
    return reason(error.errors[0]);
  }
  const message = error.message || error.name;
  return `${message}${causeOf(error, message)}`.replaceAll(/\s+/g, " ").slice(0, 500);
}

/** In parentheses behind a message that ends with advice, and so with a full stop; empty if the message has it. */
function causeOf({ cause }: Error, message: string): string {
  if (!(cause instanceof Error)) return "";
  const why = reason(cause);
  if (message.includes(why)) return "";
  return message.endsWith(".") ? ` (${why})` : `: ${why}`;
}
