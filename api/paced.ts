/**
 * Sends bodies in pieces. Deno hands a whole body to the connection at once and keeps it until the client has
 * read it, however long that takes; in pieces, a client that does not read holds one piece, and after a
 * deadline nothing.
 */

/** Bytes handed over at a time; a smaller body goes whole. */
const PIECE = 64 * 1024;
/** A body must have been read within this. */
const DEADLINE_MS = 60_000;

/** @param deadlineMs @default 60_000 */
export function paced(
  bytes: Uint8Array<ArrayBuffer>,
  deadlineMs = DEADLINE_MS,
): Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array<ArrayBuffer>> {
  if (bytes.length <= PIECE) return bytes;
  let left: Uint8Array<ArrayBuffer> | undefined = bytes;
  let deadline: ReturnType<typeof setTimeout> | undefined;
  const release = () => {
    left = undefined;
    clearTimeout(deadline);
  };
  return new ReadableStream({
    start(controller) {
      deadline = setTimeout(() => {
        release();
        controller.error(new Error(`The body was not read within ${deadlineMs} ms`));
      }, deadlineMs);
      Deno.unrefTimer(deadline);
    },
    pull(controller) {
      if (left === undefined) return;
      controller.enqueue(left.subarray(0, PIECE));
      left = left.subarray(PIECE);
      if (left.length > 0) return;
      release();
      controller.close();
    },
    cancel: release,
  }, { highWaterMark: 0 });
}
