/**
 * A text that does not change while the program runs: built on the first request, compressed once, not sent
 * again.
 */
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import type { Context } from "hono";
import { paced } from "./paced.ts";

export interface StaticTextOptions {
  readonly type: string;
  readonly load: () => string | Promise<string>;
  /** Further headers of the response. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** @returns a handler: 200 with an ETag, gzipped if the client accepts it, or 304 */
export function staticText(options: StaticTextOptions): (c: Context) => Promise<Response> {
  let made: Promise<Made> | undefined;
  return async (c) => {
    made ??= make(options).catch((error) => {
      made = undefined; // a failed load is repeated
      throw error;
    });
    const { plain, gzip, etag } = await made;
    c.header("etag", etag);
    c.header("vary", "accept-encoding");
    for (const [name, value] of Object.entries(options.headers ?? {})) c.header(name, value);
    if (c.req.header("if-none-match")?.split(/,\s*/).includes(etag)) return c.body(null, 304);
    const compressed = /\bgzip\b(?!\s*;\s*q=0(\.0+)?\b)/.test(c.req.header("accept-encoding") ?? "");
    if (compressed) c.header("content-encoding", "gzip");
    return c.body(paced(compressed ? gzip : plain), 200, { "content-type": options.type });
  };
}

interface Made {
  readonly plain: Uint8Array<ArrayBuffer>;
  readonly gzip: Uint8Array<ArrayBuffer>;
  readonly etag: string;
}

async function make({ load }: StaticTextOptions): Promise<Made> {
  const plain = new TextEncoder().encode(await load());
  // Weak: the same text in another encoding has the same one.
  const etag = `W/"${createHash("sha256").update(plain).digest("base64url").slice(0, 22)}"`;
  return { plain, gzip: new Uint8Array(Buffer.from(gzipSync(plain))), etag };
}
