/** The API as the page calls it, with the person's key if one is needed. */

/** An ordinary call that takes longer fails; a stream has no limit. */
const CALL_MS = 15_000;
const RECONNECT_MS = 2_000;

let key = sessionStorage.getItem("key") ?? "";

export function useKey(/** @type {string} */ given) {
  key = given;
  sessionStorage.setItem("key", key);
}

/** Thrown when the API returns a problem, or nothing; the message is for a person. */
export class ApiError extends Error {
  constructor(status, message) {
    super(message);
    /** The HTTP status; 0 when there is no response. */
    this.status = status;
  }
}

/** Calls the API; throws an ApiError unless it succeeds. */
export function call(path, init = {}) {
  return request(path, { ...init, signal: AbortSignal.timeout(CALL_MS) });
}

async function request(path, init) {
  const headers = { ...init.headers, ...(key === "" ? {} : { authorization: `Bearer ${key}` }) };
  const response = await fetch(path, { ...init, headers }).catch((error) => {
    if (init.signal.aborted && error.name === "AbortError") throw error;
    throw new ApiError(0, "The API is not responding.");
  });
  if (response.ok) return response;
  const problem = await response.json().catch(() => ({ title: `The API returned ${response.status}` }));
  const fields = (problem.errors ?? []).map(({ field, message }) => `${field} ${message}`);
  const id = problem.trace_id ?? problem.request_id;
  const said = fields.length > 0 ? fields.join("; ") : problem.detail ?? problem.title;
  throw new ApiError(
    response.status,
    `${said}.${id && response.status >= 500 ? ` Ask for it by ${id}.` : ""}`,
  );
}

/**
 * Follows a thought by server-sent events, as EventSource does, but with a key where one is needed.
 * Reconnects when the connection breaks, and ends with the last state or with the signal.
 */
export async function follow(id, signal, onStatus) {
  let last = "";
  while (!signal.aborted) {
    try {
      const headers = last === "" ? {} : { "last-event-id": last };
      const response = await request(`thoughts/${id}/events`, { headers, signal });
      if (response.status === 204) return;
      for await (const { name, data } of eventsOf(response.body)) {
        last = name;
        onStatus(name, JSON.parse(data));
        if (name === "completed" || name === "failed") return;
      }
    } catch (error) {
      const lasting = error instanceof ApiError && error.status >= 400 && error.status < 500;
      if (lasting && error.status !== 429) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, RECONNECT_MS));
  }
}

async function* eventsOf(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let held = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    held += value;
    const blocks = held.split("\n\n");
    held = blocks.pop();
    for (const block of blocks) {
      const name = /^event: (.*)$/m.exec(block)?.[1];
      if (name !== undefined) yield { name, data: /^data: (.*)$/m.exec(block)?.[1] ?? "null" };
    }
  }
}
