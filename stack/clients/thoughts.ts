import * as z from "zod/mini";
import type { Host } from "../host.ts";
import { ask, askJson, type Reply } from "./http.ts";

const Created = z.object({ id: z.string() });
const Stored = z.object({
  status: z.string(),
  attempts: z._default(z.number(), 0),
  error: z.optional(z.nullable(z.string())),
});

/** The HTTP API, as a client uses it. */
export class Thoughts {
  constructor(private readonly host: Host, private readonly url: string) {}

  /**
   * @param thought by a user whose name says that it is no person's
   * @returns the API's answer, and the new thought's id when it was 201
   */
  async post(
    { user, text }: { user: string; text: string },
    headers: Record<string, string> = {},
  ): Promise<Reply & { id?: string }> {
    const body = { user_id: user, text };
    const reply = await ask(this.host, `${this.url}/thoughts`, { method: "POST", headers, body });
    const created = reply.status === 201 ? Created.safeParse(JSON.parse(reply.text)) : undefined;
    return created?.success ? { ...reply, id: created.data.id } : reply;
  }

  get(id: string): Promise<z.output<typeof Stored>> {
    return askJson(this.host, `${this.url}/thoughts/${id}`, Stored);
  }

  async delete(id: string): Promise<void> {
    await ask(this.host, `${this.url}/thoughts/${id}`, { method: "DELETE" });
  }
}
