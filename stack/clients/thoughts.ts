/** The HTTP API, as a client uses it. */
import * as z from "zod";
import type { Host } from "../host.ts";
import { ask, askJson, type Reply } from "./http.ts";

const Created = z.object({ id: z.string() });
const Stored = z.object({
  status: z.string(),
  attempts: z.number().default(0),
  error: z.string().nullable().optional(),
});

export type Thoughts = ReturnType<typeof createThoughts>;

export interface ThoughtsOptions {
  readonly host: Host;
  readonly url: string;
  /** @default none: the API wants none */
  readonly key?: string | undefined;
}

export function createThoughts({ host, url, key }: ThoughtsOptions) {
  /**
   * @param thought of a user whose name says that it is not a person
   * @returns the API's response, and the new
   * thought's id if it was 201
   */
  async function post(
    { user, text }: { user: string; text: string },
    headers: Record<string, string> = {},
  ): Promise<Reply & { id?: string }> {
    const body = { user_id: user, text };
    const reply = await ask(host, `${url}/thoughts`, { method: "POST", headers, body, key });
    const created = reply.status === 201 ? Created.safeParse(JSON.parse(reply.text)) : undefined;
    return created?.success ? { ...reply, id: created.data.id } : reply;
  }

  function get(id: string): Promise<z.output<typeof Stored>> {
    return askJson(host, `${url}/thoughts/${id}`, Stored, { key });
  }

  async function remove(id: string): Promise<void> {
    await ask(host, `${url}/thoughts/${id}`, { method: "DELETE", key });
  }

  return { post, get, remove };
}
