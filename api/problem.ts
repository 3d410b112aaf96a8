/** Every error the API returns, declared once, as RFC 9457 `application/problem+json`. */
import type { Context } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { DatabaseUnavailableError } from "../core/store/database.ts";
import { type Logger, reason } from "../core/telemetry/log.ts";
import type { Env } from "./observe.ts";

interface Declaration {
  readonly status: ContentfulStatusCode;
  readonly title: string;
  /** Seconds after which another try makes sense. */
  readonly retryAfterS?: number;
}

export const PROBLEMS = {
  "invalid-request": { status: 400, title: "The request is not valid" },
  "unauthorized": { status: 401, title: "A valid API key is needed" },
  "forbidden": { status: 403, title: "This API key does not allow that" },
  "thought-not-found": { status: 404, title: "There is no such thought" },
  "route-not-found": { status: 404, title: "There is no such resource" },
  "method-not-allowed": { status: 405, title: "This resource does not take this method" },
  "wrong-status": { status: 409, title: "The thought's status does not allow that" },
  "body-timeout": { status: 408, title: "The body took too long to arrive" },
  "body-too-large": { status: 413, title: "The body is too large" },
  "unsupported-media-type": { status: 415, title: "The body must be application/json in UTF-8" },
  "misdirected": { status: 421, title: "The API does not accept this host name" },
  "idempotency-key-reused": { status: 422, title: "The Idempotency-Key was used for another request" },
  "unstorable": { status: 422, title: "The thought cannot be stored as it is" },
  "rate-limited": { status: 429, title: "Too many requests" },
  "too-many-own-streams": {
    status: 429,
    title: "This caller has too many streams open already",
    retryAfterS: 10,
  },
  "internal": { status: 500, title: "Something went wrong" },
  "overloaded": { status: 503, title: "Too many requests are waiting already", retryAfterS: 1 },
  "too-many-watchers": { status: 503, title: "Too many streams are open already", retryAfterS: 10 },
  "unavailable": { status: 503, title: "The database does not answer", retryAfterS: 2 },
} as const satisfies Record<string, Declaration>;

export type ProblemCode = keyof typeof PROBLEMS;

/** What is wrong with one field. `field` is a path such as `text`, `query.limit` or `header.idempotency-key`. */
export interface FieldError {
  readonly field: string;
  readonly message: string;
}

interface Particulars {
  readonly detail?: string;
  readonly errors?: readonly FieldError[];
  /** Headers of the response, such as a 405's `Allow`. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly cause?: unknown;
}

/** Thrown anywhere below a route; becomes the response. */
export class Problem extends Error {
  override readonly name = "Problem";
  constructor(readonly code: ProblemCode, readonly particulars: Particulars = {}) {
    super(particulars.detail ?? PROBLEMS[code].title, { cause: particulars.cause });
  }
}

/** Hono's `onError`: turns what was thrown into a response. What is not declared is logged and becomes a plain 500. */
export function answerProblem(log: Logger) {
  return (error: Error, c: Context<Env>): Response => {
    const problem = toProblem(error);
    const { status, title, retryAfterS }: Declaration = PROBLEMS[problem.code];
    if (status >= 500) {
      const level = problem.code === "internal" ? "error" : "warn";
      log[level]("request failed", {
        problem: problem.code,
        reason: reason(problem.cause ?? problem),
        ...c.var.ids,
      });
    }
    const { detail, errors, headers = {} } = problem.particulars;
    if (retryAfterS !== undefined) c.header("retry-after", String(retryAfterS));
    for (const [name, value] of Object.entries(headers)) c.header(name, value);
    const type = `urn:thought-processor:problem:${problem.code}`;
    const body = JSON.stringify({ type, title, status, detail, errors, ...c.var.ids });
    return c.body(body, status, { "content-type": "application/problem+json" });
  };
}

function toProblem(error: Error): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof DatabaseUnavailableError) return new Problem("unavailable", { cause: error });
  return new Problem("internal", { cause: error });
}
