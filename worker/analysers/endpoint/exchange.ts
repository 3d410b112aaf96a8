/**
 * One exchange with an endpoint: a completion, a request that it refuses as it stands, or an error that says
 * whose fault it is.
 */
import { reason } from "../../../core/telemetry/log.ts";
import { Completion, read, type Said } from "./completion.ts";
import { type Complaint, failure, failureOf, type FailureOptions, readComplaint, redact } from "./failure.ts";
import { EndpointError } from "./fetch_json.ts";

/** A 400 or 422: the caller finds out whether the thought or the dialect is refused. */
export interface Refused {
  readonly refused: Complaint;
  readonly headers: Headers;
}

export interface ExchangeOptions {
  /** Sends the request by {@link fetchJson}. */
  readonly send: () => Promise<{ readonly data: unknown; readonly response: Response }>;
  /** Whether an error of `send` means that it timed out. */
  readonly tooLate: (error: unknown) => boolean;
  /** Called with the usage that the endpoint states, before anything else of its response is judged. */
  readonly pay: (usage: Completion["usage"]) => void;
  readonly about: (cause?: unknown) => FailureOptions;
}

/** @throws {AnalysisError} */
export async function exchange({ send, tooLate, pay, about }: ExchangeOptions): Promise<Said | Refused> {
  const { data, response } = await send().catch((error) => {
    const cause = error instanceof Error && error.cause !== undefined ? error.cause : error; // the client wraps it
    if (cause instanceof EndpointError) return { data: cause, response: cause };
    if (tooLate(error)) throw failure("no response in time", { kind: "timeout" }, about(error));
    const what = cause instanceof Deno.errors.NotCapable ? NOT_PERMITTED : redact(reason(error), about());
    throw failure(`no response: ${what}`, { kind: "unavailable" }, about(error));
  });
  const { headers, status } = response;

  if (data instanceof EndpointError) {
    // Not the protocol's error: an address that is not an endpoint's, or a proxy in front of it.
    if (status < 400) throw failure(data.message, { kind: "unavailable" }, about(data));
    const complaint = readComplaint(status, json(data.body))!;
    if (status === 400 || status === 422) return { refused: complaint, headers };
    throw failureOf(complaint, headers, about(data));
  }
  const complaint = readComplaint(status, data);
  if (complaint !== undefined) throw failureOf(complaint, headers, about());
  const completion = Completion.safeParse(data);
  if (!completion.success) {
    throw failure("the response is not a completion", { kind: "unavailable" }, about());
  }
  pay(completion.data.usage);
  return read(completion.data, about);
}

const NOT_PERMITTED =
  "this process may not connect to it. Start it by its task (deno task …), which permits the host that OPENAI_BASE_URL names";

function json(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}
