import assert from "node:assert/strict";
import { paced } from "./paced.ts";

const KIB = 1024;

Deno.test("a large body is handed over piece by piece, as its reader takes them, and arrives whole", async () => {
  const bytes = crypto.getRandomValues(new Uint8Array(KIB)).slice();
  const large = new Uint8Array(200 * KIB).map((_, at) => bytes[at % KIB]!);
  const body = paced(large);
  assert.ok(body instanceof ReadableStream);
  const pieces: Uint8Array[] = [];
  for await (const piece of body) pieces.push(piece);
  assert.deepEqual(pieces.map(({ length }) => length / KIB), [64, 64, 64, 8]);
  assert.deepEqual(new Uint8Array(await new Blob(pieces as BlobPart[]).arrayBuffer()), large);
});

Deno.test("a body that nobody reads breaks off at its deadline", async () => {
  const body = paced(new Uint8Array(200 * KIB), 20) as ReadableStream<Uint8Array>;
  const reader = body.getReader();
  await reader.read();
  await new Promise((resolve) => setTimeout(resolve, 40));
  await assert.rejects(reader.read(), /not read within 20 ms/);
});

Deno.test("a small body goes whole", () => {
  const small = new Uint8Array(64 * KIB);
  assert.equal(paced(small), small);
});
