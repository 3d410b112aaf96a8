/** The API as the page calls it. With API keys on, the key that the person gave goes along. */

let key = sessionStorage.getItem("key") ?? "";

export function useKey(/** @type {string} */ given) {
  key = given;
  sessionStorage.setItem("key", key);
}

/** Thrown when the API answers with a problem; the message is fit for a person. */
export class ApiError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** Calls the API; throws an ApiError unless it answers with a success. */
export async function call(path, init = {}) {
  const headers = { ...init.headers, ...(key === "" ? {} : { authorization: `Bearer ${key}` }) };
  const response = await fetch(path, { ...init, headers }).catch(() => {
    throw new ApiError(0, "The API does not answer.");
  });
  if (response.ok) return response;
  const problem = await response.json().catch(() => ({ title: `The API answered ${response.status}` }));
  const fields = (problem.errors ?? []).map(({ field, message }) => `${field} ${message}`);
  const id = problem.trace_id ?? problem.request_id;
  const said = fields.length > 0 ? fields.join("; ") : problem.detail ?? problem.title;
  throw new ApiError(
    response.status,
    `${said}.${id && response.status >= 500 ? ` Ask for it by ${id}.` : ""}`,
  );
}

/**
 * Follows a thought by server-sent events, as EventSource does, but with a key where one is needed. Comes back when the
 * connection breaks, and ends with the last state.
 */
export async function follow(id, onStatus) {
  let last = "";
  for (;;) {
    try {
      const headers = last === "" ? {} : { "last-event-id": last };
      const response = await call(`thoughts/${id}/events`, { headers });
      if (response.status === 204) return;
      for await (const { name, data } of eventsOf(response.body)) {
        last = name;
        onStatus(name, JSON.parse(data));
        if (name === "completed" || name === "failed") return;
      }
    } catch (error) {
      if (error instanceof ApiError && error.status >= 400 && error.status < 500) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 2_000));
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
