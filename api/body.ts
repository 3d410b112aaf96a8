/** A request's JSON body: bounded in size and time, strictly UTF-8, no key twice. */
import { DeadlineError } from "../core/deadline.ts";
import { Problem } from "./problem.ts";

export interface BodyLimits {
  readonly maxBytes: number;
  /** Waits for a body within a deadline; rejects with a DeadlineError. */
  readonly deadline: <T>(body: Promise<T>) => Promise<T>;
}

const JSON_TYPE = /^application\/json\s*(;\s*charset="?utf-?8"?\s*)?;?\s*$/i;
const decoder = new TextDecoder("utf-8", { fatal: true });

/**
 * Reads and parses a body.
 *
 * @returns the text, for checks that parsing loses, and what it says
 * @throws {Problem} 400, 408, 413 or 415, saying what is wrong with the body
 */
export async function readJson(
  request: Request,
  limits: BodyLimits,
): Promise<{ readonly text: string; readonly json: unknown }> {
  if (!JSON_TYPE.test(request.headers.get("content-type") ?? "")) {
    throw new Problem("unsupported-media-type", {
      errors: [{ field: "header.content-type", message: "must be application/json" }],
    });
  }
  const encoding = request.headers.get("content-encoding");
  if (encoding !== null && encoding.toLowerCase() !== "identity") {
    throw new Problem("unsupported-media-type", {
      errors: [{
        field: "header.content-encoding",
        message: "must be identity: the body cannot be compressed",
      }],
    });
  }
  const text = decode(await readBytes(request, limits));
  try {
    return { text, json: JSON.parse(text) };
  } catch (error) {
    // V8's message quotes the body; only the position is passed on.
    const at = error instanceof Error ? /position \d+/.exec(error.message)?.[0] : undefined;
    throw invalidBody(text === "" ? "is empty" : `is not valid JSON${at ? ` (at ${at})` : ""}`);
  }
}

/**
 * Refuses an object with a duplicate key, at any depth: sender and receiver may disagree on which one counts (RFC
 * 8259, section 4).
 *
 * @param json valid JSON
 */
export function refuseDuplicateKeys(json: string): void {
  const open: Set<string>[] = []; // the keys so far of each object that is not closed yet
  for (const [brace, name, colon] of json.matchAll(/[{}]|("(?:[^"\\]|\\.)*")\s*(:)?/g)) {
    if (brace === "{") open.push(new Set());
    else if (brace === "}") open.pop();
    if (colon === undefined) continue;
    const key = JSON.parse(name!) as string;
    const seen = open.at(-1)!;
    if (seen.has(key)) throw invalidBody("is given twice", key);
    seen.add(key);
  }
}

async function readBytes(request: Request, limits: BodyLimits): Promise<BufferSource> {
  const { maxBytes, deadline } = limits;
  const declared = request.headers.get("content-length");
  if (declared !== null && Number(declared) > maxBytes) throw tooLarge(maxBytes);
  try {
    return await deadline(declared === null ? gather(request, maxBytes) : request.arrayBuffer());
  } catch (error) {
    if (error instanceof Problem) throw error;
    if (error instanceof DeadlineError) {
      throw new Problem("body-timeout", { errors: [{ field: "body", message: "took too long to arrive" }] });
    }
    throw invalidBody("broke off");
  }
}

/** Reads a body of unknown length, and stops as soon as it is too long. */
async function gather(request: Request, maxBytes: number): Promise<BufferSource> {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  for await (const chunk of request.body ?? []) {
    size += chunk.length;
    if (size > maxBytes) throw tooLarge(maxBytes);
    chunks.push(chunk);
  }
  return await new Blob(chunks).arrayBuffer();
}

function decode(bytes: BufferSource): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw invalidBody("is not valid UTF-8");
  }
}

function tooLarge(maxBytes: number): Problem {
  return new Problem("body-too-large", {
    errors: [{ field: "body", message: `must be at most ${maxBytes} bytes` }],
  });
}

function invalidBody(message: string, field = "body"): Problem {
  return new Problem("invalid-request", { errors: [{ field: field.slice(0, 64), message }] });
}
