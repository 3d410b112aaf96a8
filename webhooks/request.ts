/**
 * One request to a receiver. Its name is resolved once, every address that it has is checked, and the
 * connection is made to one of those addresses: a name cannot lead elsewhere between check and use.
 */
import { Buffer } from "node:buffer";
import { lookup } from "node:dns/promises";
import { request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import { rootCertificates } from "node:tls";
import { DeadlineError, within } from "../core/deadline.ts";
import { isPublicAddress } from "../core/public_address.ts";
import { hostOf, refusalOf } from "../core/webhook_url.ts";

export interface RequestOptions {
  /** Hosts that may be in a private network. */
  readonly privateHosts: readonly string[];
  /** The limit of the whole request, in milliseconds. */
  readonly timeoutMs: number;
  readonly userAgent: string;
  /** Certificate of an authority that is trusted beside the usual ones, in PEM. @default none */
  readonly ca?: string | undefined;
  /** Addresses of a host's name. @default the system's resolver */
  readonly resolve?: (host: string) => Promise<readonly string[]>;
}

/** How a request ended; errors hold nothing that the receiver sent. */
export type Reply =
  | { readonly outcome: "accepted" }
  /** The status was none of 2xx. Redirects count too: they are not followed. */
  | {
    readonly outcome: "rejected";
    readonly status: number;
    readonly retryAfterMs: number;
    readonly error: string;
  }
  /** There was no response. */
  | { readonly outcome: "failed"; readonly error: string }
  /** Nothing was sent: the URL leads into a private network. */
  | { readonly outcome: "refused"; readonly error: string };

export type Send = (
  url: string,
  message: {
    readonly headers: Readonly<Record<string, string>>;
    readonly body: string;
    /** Counted from 1; each attempt takes the next of the host's addresses. */
    readonly attempt: number;
  },
) => Promise<Reply>;

/** A response's body is read this far, for the receiver's sake, and dropped. */
const RESPONSE_BYTES = 64 * 1_024;

export function createSend(
  { privateHosts, timeoutMs, userAgent, ca, resolve = resolveBySystem }: RequestOptions,
): Send {
  const authorities = ca === undefined ? undefined : [...rootCertificates, ca];
  return async (text, { headers, body, attempt }) => {
    const refusal = refusalOf(text, privateHosts);
    if (refusal !== undefined) return { outcome: "refused", error: `the URL ${refusal}` };
    const url = new URL(text);
    const signal = AbortSignal.timeout(timeoutMs);
    try {
      const addresses = await within(timeoutMs, "DNS", resolve(hostOf(url)));
      if (!privateHosts.includes(hostOf(url)) && !addresses.every(isPublicAddress)) {
        return { outcome: "refused", error: "the host's name leads into a private network" };
      }
      const address = addresses[(attempt - 1) % addresses.length]!;
      return await post({
        url,
        address,
        headers: { ...headers, "user-agent": userAgent },
        body,
        signal,
        authorities,
      });
    } catch (error) {
      if (error instanceof DeadlineError) return { outcome: "failed", error: error.message };
      if (signal.aborted) return { outcome: "failed", error: `no response within ${timeoutMs} ms` };
      return { outcome: "failed", error: `no connection: ${codeOf(error)}` };
    }
  };
}

async function resolveBySystem(host: string): Promise<string[]> {
  return (await lookup(host, { all: true })).map(({ address }) => address);
}

interface Post {
  readonly url: URL;
  /** One of its host's. */
  readonly address: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly signal: AbortSignal;
  readonly authorities: string[] | undefined;
}

async function post({ url, address, headers, body, signal, authorities }: Post): Promise<Reply> {
  const tls = url.protocol === "https:";
  const { promise, resolve, reject } = Promise.withResolvers<Reply>();
  const request = (tls ? requestHttps : requestHttp)({
    host: address,
    port: url.port || (tls ? 443 : 80),
    method: "POST",
    path: url.pathname + url.search,
    headers: {
      ...headers,
      host: url.host,
      "content-type": "application/json",
      "content-length": Buffer.byteLength(body),
    },
    agent: false,
    signal,
    // The certificate has to be the name's, whichever address the connection goes to.
    ...(tls ? { servername: hostOf(url) } : {}),
    ...(authorities === undefined ? {} : { ca: authorities }),
  });
  request.on("error", reject);
  request.on("response", async (response) => {
    const status = response.statusCode ?? 0;
    let left = RESPONSE_BYTES;
    try {
      for await (const chunk of response) if ((left -= chunk.length) < 0) break;
    } catch { /* the status is there */ }
    response.destroy();
    if (status >= 200 && status < 300) return resolve({ outcome: "accepted" });
    const retryAfterMs = (Number(response.headers["retry-after"]) || 0) * 1_000;
    resolve({ outcome: "rejected", status, retryAfterMs, error: `status ${status}` });
  });
  request.end(body);
  return await promise;
}

/** What went wrong in a word, without what the receiver sent. */
function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return "unknown";
  return "code" in error && typeof error.code === "string" ? error.code : error.name;
}
