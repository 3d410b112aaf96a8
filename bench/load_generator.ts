/**
 * Posts thoughts as fast as they are accepted and prints its results as one JSON object. A separate process,
 * speaking HTTP/1.1 over plain sockets, to take as little as possible from the machine that it measures.
 *
 *     deno run --allow-net bench/load_generator.ts HOST PORT CONNECTIONS WARM_UP_S SECONDS [idempotent]
 */

/** The results of one run, latencies in milliseconds. */
export interface Seen {
  readonly accepted: number;
  /** Responses other than 201. */
  readonly refused: number;
  readonly seconds: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
  /** Accepted in the warm-up; stored, but not measured. */
  readonly warmUp: number;
}

const ID_DIGITS = 12;
const ACCEPTED = new TextEncoder().encode("HTTP/1.1 201");
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** One request as bytes; each has its own number in its text, user and key. */
export function template(host: string, idempotent: boolean) {
  const number = "#".repeat(ID_DIGITS);
  const body = JSON.stringify({
    user_id: `user-${number}`,
    text: `I want to plan the garden for thought ${number} this weekend, before the rain comes back`,
  });
  const key = idempotent ? `idempotency-key: ${number}\r\n` : "";
  const text = `POST /thoughts HTTP/1.1\r\nhost: ${host}\r\ncontent-type: application/json\r\n${key}` +
    `content-length: ${body.length}\r\n\r\n${body}`;
  const places = [...text.matchAll(new RegExp(number, "g"))].map(({ index }) => index);
  return { bytes: encoder.encode(text), places };
}

export function writeNumber(into: Uint8Array, places: readonly number[], n: number) {
  for (const place of places) {
    for (let digit = ID_DIGITS - 1, left = n; digit >= 0; digit--, left = Math.floor(left / 10)) {
      into[place + digit] = 48 + left % 10;
    }
  }
}

/** Reads one response. Bodies are short: nearly always one read holds all of it. */
export async function readAnswer(
  socket: Deno.TcpConn,
  buffer: Uint8Array,
): Promise<{ readonly created: boolean; readonly text: string }> {
  for (let length = 0;;) {
    const read = await socket.read(buffer.subarray(length));
    if (read === null) throw new Error("The API hung up");
    length += read;
    const text = decoder.decode(buffer.subarray(0, length));
    const head = text.indexOf("\r\n\r\n");
    if (head < 0) continue;
    const body = Number(/content-length: (\d+)/i.exec(text)?.[1] ?? 0);
    if (length >= head + 4 + body) {
      return { created: ACCEPTED.every((byte, at) => buffer[at] === byte), text };
    }
  }
}

async function main() {
  const [host, port, connections, warmUpS, seconds, idempotent] = Deno.args;
  const startAt = performance.now() + Number(warmUpS) * 1_000;
  const endAt = startAt + Number(seconds) * 1_000;
  const latencies: number[] = [];
  let [next, refused, warmUp] = [Date.now() % 1e9 * 1_000, 0, 0];

  async function client() {
    const socket = await Deno.connect({ hostname: host!, port: Number(port) });
    socket.setNoDelay(true);
    const { bytes, places } = template(host!, idempotent !== undefined);
    const buffer = new Uint8Array(4_096);
    for (let now = performance.now(); now < endAt;) {
      writeNumber(bytes, places, next++);
      await socket.write(bytes);
      const { created } = await readAnswer(socket, buffer);
      const before = now;
      now = performance.now();
      if (!created) refused++;
      else if (before < startAt) warmUp++;
      else latencies.push(now - before);
    }
    socket.close();
  }
  await Promise.all(Array.from({ length: Number(connections) }, client));

  latencies.sort((a, b) => a - b);
  const percentile = (p: number) =>
    latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * p))]!;
  const seen: Seen = {
    accepted: latencies.length,
    refused,
    seconds: (performance.now() - startAt) / 1_000,
    p50Ms: percentile(0.5),
    p95Ms: percentile(0.95),
    p99Ms: percentile(0.99),
    warmUp,
  };
  // deno-lint-ignore no-console -- its result
  console.log(JSON.stringify(seen));
}

if (import.meta.main) await main();
