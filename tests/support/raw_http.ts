/** HTTP as bytes on a socket, for requests that fetch would not send. */

export interface RawResponse {
  readonly status: number;
  /** Everything that came back, headers first. */
  readonly text: string;
}

/** Sends a request as it is and reads until the server closes the connection; so the request should ask it to. */
export async function sendRaw(url: string, request: string): Promise<RawResponse> {
  const { hostname, port } = new URL(url);
  using connection = await Deno.connect({ hostname, port: Number(port) });
  await connection.write(new TextEncoder().encode(request));
  const text = await new Response(connection.readable).text();
  return { status: Number(/^HTTP\/1\.\d (\d+)/.exec(text)?.[1]), text };
}

/** A request for a path, with these header lines and none that fetch adds by itself. */
export function getRequest(path: string, ...headers: string[]): string {
  return [`GET ${path} HTTP/1.1`, ...headers, "connection: close", "", ""].join("\r\n");
}
