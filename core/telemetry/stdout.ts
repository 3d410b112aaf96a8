/** Standard output for the log: a reader that is slow or gone delays nothing. */

type DropListener = (lines: number) => void;

export interface LineWriter {
  /** Takes lines, each ending in a newline. Never throws and never waits. */
  write(lines: string): void;
  /** Resolves when everything taken is written or dropped, or else after this many milliseconds. */
  drain(ms: number): Promise<void>;
}

/** Lines buffered for a slow reader; more are dropped. */
const MAX_HELD_BYTES = 1_024 * 1_024;
/** Pause before a full pipe is tried again. */
const RETRY_MS = 50;

const listeners = new Set<DropListener>();

/** Calls a listener whenever lines are dropped, with their number. */
export function onLinesDropped(listener: DropListener): void {
  listeners.add(listener);
}

/**
 * Makes a writer. It waits for a full pipe outside the event loop, and stops writing once the reader is gone.
 *
 * @param write writes some of the bytes and resolves with how many
 * @default stdout
 */
export function createLineWriter(
  write: (bytes: Uint8Array) => Promise<number> = (bytes) => Deno.stdout.write(bytes),
): LineWriter {
  const encoder = new TextEncoder();
  let held: Uint8Array[] = [];
  let heldBytes = 0;
  let writing: Promise<void> | undefined;

  async function writeHeld() {
    while (held.length > 0) {
      const bytes = concatenate(held);
      held = [];
      await writeAll(bytes);
      heldBytes -= bytes.length;
    }
    writing = undefined;
  }

  async function writeAll(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      try {
        at += await write(bytes.subarray(at));
      } catch (error) {
        if (!(error instanceof Deno.errors.WouldBlock)) return drop(bytes.subarray(at));
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
  }

  return {
    write(lines) {
      const bytes = encoder.encode(lines);
      if (heldBytes + bytes.length > MAX_HELD_BYTES) return drop(bytes);
      held.push(bytes);
      heldBytes += bytes.length;
      writing ??= writeHeld();
    },
    async drain(ms) {
      let timer: ReturnType<typeof setTimeout> | undefined;
      const late = new Promise<void>((resolve) => timer = setTimeout(resolve, ms));
      await Promise.race([writing, late]);
      clearTimeout(timer);
    },
  };
}

const NEWLINE = 10;

function drop(bytes: Uint8Array): void {
  let lines = 0;
  for (const byte of bytes) if (byte === NEWLINE) lines++;
  for (const listener of listeners) listener(lines);
}

function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length === 1) return parts[0]!;
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
