/** Every error the API returns, declared once, as RFC 9457 `application/problem+json`. */
import type { Context } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { DatabaseUnavailableError } from "../core/store/database.ts";
import { type Logger, reason } from "../core/telemetry/log.ts";
import type { Env } from "./observe.ts";

export interface ProblemDeclaration {
  readonly status: ContentfulStatusCode;
  readonly title: string;
  /** What a client can do about it; shown on the page that the problem's type links to. */
  readonly help: string;
  /** Seconds after which to try again. */
  readonly retryAfterS?: number;
}

export const PROBLEMS = {
  "invalid-request": {
    status: 400,
    title: "The request is not valid",
    help:
      "`errors` names each field and what is wrong with it. Correct the request; repeating it will not help.",
  },
  "unauthorized": {
    status: 401,
    title: "A valid API key is needed",
    help:
      "Send `Authorization: Bearer` and the key. A key that worked before has been revoked or has expired.",
  },
  "forbidden": {
    status: 403,
    title: "This API key does not allow that",
    help:
      "The key lacks the scope that `errors` names, or belongs to another user. Ask for a key that has it.",
  },
  "thought-not-found": {
    status: 404,
    title: "There is no such thought",
    help: "It was deleted, never existed, or belongs to a user whom the key does not reach.",
  },
  "webhook-not-found": {
    status: 404,
    title: "There is no webhook",
    help: "This API key has none. `PUT /webhook` makes one.",
  },
  "route-not-found": {
    status: 404,
    title: "There is no such resource",
    help: "Compare the path with the API's documentation at /docs.",
  },
  "method-not-allowed": {
    status: 405,
    title: "This resource does not support this method",
    help: "The header `Allow` names the methods it supports.",
  },
  "wrong-status": {
    status: 409,
    title: "The thought's status does not allow that",
    help: "Read the thought: `detail` says which status it has, and which the operation needs.",
  },
  "body-timeout": {
    status: 408,
    title: "The body took too long to arrive",
    help: "Send the request again; with an Idempotency-Key nothing is stored twice.",
  },
  "body-too-large": {
    status: 413,
    title: "The body is too large",
    help: "`errors` names the limit in bytes. No valid thought is larger.",
  },
  "unsupported-media-type": {
    status: 415,
    title: "The body must be application/json in UTF-8",
    help: "Send `Content-Type: application/json`, and no `Content-Encoding`.",
  },
  "misdirected": {
    status: 421,
    title: "The API does not accept this host name",
    help: "Use one of ALLOWED_HOSTS, or add the name to that setting.",
  },
  "idempotency-key-reused": {
    status: 422,
    title: "The Idempotency-Key was used for another request",
    help: "Use a new key for a new thought; repeat a request with exactly the same body.",
  },
  "webhook-url-refused": {
    status: 422,
    title: "A webhook cannot have this URL",
    help:
      "`errors` says why. A webhook's URL begins with https:// and leads to the internet. Hosts in a private network " +
      "have to be named in WEBHOOK_PRIVATE_HOSTS by whoever runs this service.",
  },
  "unstorable": {
    status: 422,
    title: "The thought cannot be stored as it is",
    help: "The database refuses a value of it. Repeating the request will not help.",
  },
  "rate-limited": {
    status: 429,
    title: "Too many requests",
    help: "Wait for `Retry-After` seconds. `RateLimit` in each response says what is left.",
  },
  "too-many-own-streams": {
    status: 429,
    title: "This caller has too many streams open already",
    help: "Close streams that are no longer read, or poll the thought itself.",
    retryAfterS: 10,
  },
  "internal": {
    status: 500,
    title: "Something went wrong",
    help: "Report it with the trace or request id, which leads to the log line that names the cause.",
  },
  "overloaded": {
    status: 503,
    title: "Too many requests are waiting already",
    help: "The thought was not stored. Send it again after `Retry-After` seconds.",
    retryAfterS: 1,
  },
  "too-many-watchers": {
    status: 503,
    title: "Too many streams are open already",
    help: "Try again after `Retry-After` seconds, or poll the thought itself.",
    retryAfterS: 10,
  },
  "unavailable": {
    status: 503,
    title: "The database is not responding",
    help:
      "Send the request again after `Retry-After` seconds. A thought may or may not have been stored: an " +
      "Idempotency-Key makes repeating safe.",
    retryAfterS: 2,
  },
} as const satisfies Record<string, ProblemDeclaration>;

export type ProblemCode = keyof typeof PROBLEMS;

export const PROBLEM_CODES = Object.keys(PROBLEMS) as [ProblemCode, ...ProblemCode[]];

/**
 * What is wrong with one field. `field` is a path such as `text`, `query.limit` or `header.idempotency-key`.
 */
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

/**
 * Hono's `onError`: turns what was thrown into a response. What is not declared is logged and becomes a plain
 * 500.
 */
export function answerProblem(log: Logger) {
  return (error: Error, c: Context<Env>): Response => {
    const problem = toProblem(error);
    const { code } = problem;
    const { status, title, retryAfterS }: ProblemDeclaration = PROBLEMS[code];
    if (status >= 500) {
      const level = code === "internal" ? "error" : "warn";
      log[level]("request failed", {
        problem: code,
        reason: reason(problem.cause ?? problem),
        ...c.get("ids"),
      });
    }
    const { detail, errors, headers = {} } = problem.particulars;
    if (retryAfterS !== undefined) c.header("retry-after", String(retryAfterS));
    for (const [name, value] of Object.entries(headers)) c.header(name, value);
    const type = `${c.get("prefix") ?? ""}/problems/${code}`;
    const body = JSON.stringify({ type, code, title, status, detail, errors, ...c.get("ids") });
    return c.body(body, status, { "content-type": "application/problem+json" });
  };
}

function toProblem(error: Error): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof DatabaseUnavailableError) return new Problem("unavailable", { cause: error });
  return new Problem("internal", { cause: error });
}
