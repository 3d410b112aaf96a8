/** HTTP requests of the launcher, each with a deadline. */
import type * as z from "zod";
import type { Host } from "../host.ts";

/**
 * A server that did not respond, or responded with an error. The message names the address and the reason.
 */
export class Unreachable extends Error {
  override name = "Unreachable";
  /** @param status the HTTP status, when there was a response at all */
  constructor(message: string, readonly status?: number) {
    super(message);
  }
}

export interface Request {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** `user:password` for basic authentication. */
  readonly login?: string;
  /** An API key. */
  readonly key?: string | undefined;
  /** @default 5_000 */
  readonly deadlineMs?: number;
  /** A longer response is given up. @default 50_000_000 */
  readonly mostBytes?: number;
}

export interface Reply {
  /** Where the response came from, after redirects. */
  readonly url: string;
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/**
 * Sends a request and returns the whole response, whatever its status.
 *
 * @throws {Unreachable} when there was no response within the deadline, or it is too long
 */
export async function ask(host: Host, url: string, request: Request = {}): Promise<Reply> {
  const { method = "GET", body, login, key, deadlineMs = 5_000, mostBytes = 50_000_000 } = request;
  const headers = new Headers(request.headers);
  if (body !== undefined) headers.set("content-type", "application/json");
  if (login) headers.set("authorization", `Basic ${new TextEncoder().encode(login).toBase64()}`);
  if (key) headers.set("authorization", `Bearer ${key}`);
  const signal = AbortSignal.timeout(deadlineMs);
  try {
    const response = await host.fetch(url, {
      method,
      headers,
      body: body === undefined ? null : JSON.stringify(body),
      signal,
    });
    const text = await textWithin(mostBytes, response);
    return { url: response.url || url, status: response.status, headers: response.headers, text };
  } catch (error) {
    if (error instanceof Unreachable) throw error;
    host.signal.throwIfAborted();
    if (signal.aborted) throw new Unreachable(`${url} did not respond within ${deadlineMs / 1_000} s`);
    throw new Unreachable(`${url} cannot be reached: ${reason(error)}`);
  }
}

async function textWithin(mostBytes: number, { body, status, url }: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for await (const chunk of body ?? []) {
    bytes += chunk.length;
    if (bytes > mostBytes) {
      throw new Unreachable(`${url} returned more than ${mostBytes / 1_000_000} MB`, status);
    }
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

/**
 * Requests JSON of a known shape.
 *
 * @throws {Unreachable} when there was no response, a status other than 2xx, or JSON of another shape
 */
export async function askJson<Shape extends z.ZodType>(
  host: Host,
  url: string,
  shape: Shape,
  request: Request = {},
): Promise<z.output<Shape>> {
  const { status, text } = await ask(host, url, request);
  if (status < 200 || status > 299) {
    throw new Unreachable(`${url} returned ${status}: ${text.trim().slice(0, 200) || "nothing"}`, status);
  }
  const parsed = shape.safeParse(jsonOrUndefined(text));
  if (parsed.success) return parsed.data;
  throw new Unreachable(`${url} returned something unexpected: ${text.trim().slice(0, 80)}`, status);
}

function jsonOrUndefined(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Deno's fetch hides the operating system's error in its cause, in a long sentence; a person needs only that. */
function reason(error: unknown): string {
  const { message } = error instanceof Error && error.cause instanceof Error ? error.cause : error as Error;
  return /connection refused/i.test(message)
    ? "connection refused"
    : message.replace(/^.*client error \(\w+\): /s, "");
}
