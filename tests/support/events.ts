/** Reads server-sent events as a client does. */
export interface ServerSentEvent {
  readonly event: string;
  readonly data: Record<string, unknown>;
}

/** All events of a stream, once the server has ended it. */
export async function readEvents(
  url: string,
  signal = AbortSignal.timeout(30_000),
): Promise<ServerSentEvent[]> {
  const response = await fetch(url, { headers: { accept: "text/event-stream" }, signal });
  const text = await response.text();
  if (response.status !== 200) throw new Error(`${url} returned ${response.status}: ${text}`);
  return text.split("\n\n").flatMap((block) => {
    const field = (name: string) => block.match(new RegExp(`^${name}: (.*)$`, "m"))?.[1];
    const event = field("event");
    return event === undefined ? [] : [{ event, data: JSON.parse(field("data")!) }];
  });
}
