/**
 * `fetch` for an endpoint that is not trusted: the body is read to its end here, within the deadline and up
 * to a limit, and no redirect is followed, since it would send the thought and the key to an address that is
 * not configured.
 */

/** Far more than a valid answer needs; a model in a loop sends spaces for ever. */
const MAX_BODY_BYTES = 1_000_000;

/** What an endpoint said instead of a completion. */
export class EndpointError extends Error {
  override readonly name = "EndpointError";

  /** @param body as text, cut; it may quote the thought */
  constructor(
    message: string,
    readonly status: number,
    readonly headers: Headers,
    readonly body: string,
  ) {
    super(message);
  }
}

/**
 * Fetches JSON.
 *
 * @returns a response whose body is complete, and declared as JSON
 * @throws {EndpointError} for anything else that an endpoint says
 * @throws {TypeError} when it can't be reached
 */
export async function fetchJson(input: string | URL | Request, init?: RequestInit): Promise<Response> {
  const response = await fetch(input, { ...init, redirect: "manual" });
  const { status, headers } = response;
  const body = await readBody(response);
  const fail = (what: string) => new EndpointError(what, status, headers, body);

  if (status >= 300 && status < 400) {
    const to = URL.parse(headers.get("location") ?? "", String(input instanceof Request ? input.url : input));
    throw fail(`HTTP ${status}: it redirects to ${to?.host ?? "nowhere"}, which is not followed`);
  }
  if (!response.ok) throw fail(`HTTP ${status}`);
  const type = headers.get("content-type")?.split(";")[0]?.trim().toLowerCase() ?? "";
  if (type === "text/event-stream") throw fail("it returned an event stream, which was not requested");
  if (type === "text/html" || /^\s*</.test(body)) throw fail("it returned a web page");
  return new Response(body, {
    status,
    headers: new Headers([...headers, ["content-type", "application/json"]]),
  });
}

/** @throws {EndpointError} when the body does not end in time */
async function readBody(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > MAX_BODY_BYTES) {
      throw new EndpointError(
        `its response is longer than ${MAX_BODY_BYTES} bytes`,
        response.status,
        response.headers,
        "",
      );
    }
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}
