/** Whose fault it is that an endpoint did not return a completion, and what it says about it. */
import { z } from "zod";
import { AnalysisError, type AnalysisErrorOptions, type Subject, type Usage } from "../analyser.ts";
import { retryAfterMs } from "./retry_after.ts";

/** What an endpoint said instead of a completion, by status or in a body with status 200. */
export interface Complaint {
  readonly status: number;
  /** The provider's own words. They may quote the thought. */
  readonly message: string;
  /** `code` and `type`, in lower case. */
  readonly codes: string;
}

export interface FailureOptions {
  readonly provider: string;
  readonly subject: Subject;
  /** Never shown, should the endpoint repeat it. */
  readonly secret?: string | undefined;
  readonly usage?: Usage | undefined;
  readonly cause?: unknown;
}

/** The shapes of providers' errors; each field may be missing, or of another type. */
const text = z.union([z.string(), z.number().transform(String)]).optional().catch(undefined);
const Inner = z.object({
  message: text,
  code: text,
  type: text,
  status: text,
  metadata: z.object({ raw: text }).optional().catch(undefined), // OpenRouter's, of the provider behind it
  innererror: z.object({ code: text }).optional().catch(undefined), // Azure's
});
const Body = z.object({
  error: z.union([Inner, z.string().transform((message) => ({ message }) as z.output<typeof Inner>)])
    .optional(),
  message: z.unknown().optional(), // Mistral's, at the top; may be an object of details
  detail: z.unknown().optional(), // FastAPI's
  type: text,
  code: text,
});

/**
 * Reads a body as a complaint.
 *
 * @returns undefined when a body with status 200 is none
 */
export function readComplaint(status: number, body: unknown): Complaint | undefined {
  const first = Array.isArray(body) ? body[0] : body; // Gemini sends a list of one
  const { data } = Body.safeParse(first);
  const error = data?.error;
  if (status < 300 && error === undefined) return undefined;
  const spoken = error?.metadata?.raw ?? error?.message ?? data?.message ?? data?.detail ?? "";
  const code = Number(error?.code);
  return {
    status: status < 300 ? (code >= 400 && code < 600 ? code : 500) : status,
    message: typeof spoken === "string" ? spoken : JSON.stringify(spoken),
    codes: [error?.code, error?.type, error?.status, error?.innererror?.code, data?.type, data?.code]
      .filter(Boolean).join(" ").toLowerCase(),
  };
}

const QUOTA = /insufficient_quota|billing_not_active|billing_hard_limit|insufficient_balance/;
const CONTENT = /content_filter|content_policy|moderation|responsibleaipolicy|safety/;
const KEY = /api_key_invalid|invalid_api_key|api key not valid/;

/** Makes the error of a complaint: kind, scope, pause and reason. */
export function failureOf(complaint: Complaint, headers: Headers, options: FailureOptions): AnalysisError {
  const said = redact(complaint.message, options);
  const what = said === "" ? `HTTP ${complaint.status}` : `HTTP ${complaint.status}: ${said}`;
  return failure(what, { ...faultOf(complaint), retryAfterMs: retryAfterMs(headers) }, options);
}

/** Makes an error for a cause in our own words. */
export function failure(
  what: string,
  fault: Pick<AnalysisErrorOptions, "kind" | "scope" | "retryAfterMs">,
  { provider, usage, cause }: FailureOptions,
): AnalysisError {
  return new AnalysisError(`The model at ${provider} failed (${what})`, { ...fault, usage, cause });
}

function faultOf({ status, message, codes }: Complaint): Pick<AnalysisErrorOptions, "kind" | "scope"> {
  const said = `${codes} ${message.toLowerCase()}`;
  if (CONTENT.test(codes)) return { kind: "refused" };
  if (status === 403 && /flagged|moderation/.test(said)) return { kind: "refused" };
  if (KEY.test(said)) return { kind: "unavailable", scope: "credentials" };
  if (status === 402 || QUOTA.test(codes)) return { kind: "unavailable", scope: "quota" };
  if (status === 401 || status === 403) return { kind: "unavailable", scope: "credentials" };
  if (status === 429) return { kind: "unavailable", scope: "rate" };
  if (status === 400 || status === 413 || status === 422) return { kind: "refused" };
  return { kind: "unavailable", scope: "outage" };
}

const MAX_REASON_CHARS = 200;
/** A run of this many characters that also occurs in the thought is a quotation. */
const QUOTED_CHARS = 12;

/** The provider's words in one line, cut, without what they quote of the thought and without the key. */
export function redact(
  message: string,
  { subject, secret }: Pick<FailureOptions, "subject" | "secret">,
): string {
  const flat = (some: string) => some.replaceAll(/\\[nrt"]|[\s\p{Cc}]+/gu, " ");
  let said = flat(message.slice(0, 2_000)).trim();
  if (secret) said = said.replaceAll(secret, "…");
  for (const own of [subject.text, subject.context ?? ""]) said = withoutQuotes(said, flat(own).trim());
  return said.length > MAX_REASON_CHARS ? `${said.slice(0, MAX_REASON_CHARS)}…` : said;
}

function withoutQuotes(said: string, own: string): string {
  const least = Math.min(QUOTED_CHARS, own.length);
  if (least === 0) return said;
  let kept = "";
  for (let at = 0; at < said.length;) {
    let length = 0;
    if (own.includes(said.slice(at, at + least)) && at + least <= said.length) {
      length = least;
      while (at + length < said.length && own.includes(said.slice(at, at + length + 1))) length++;
    }
    kept += length > 0 ? "…" : said[at];
    at += length || 1;
  }
  return kept;
}
