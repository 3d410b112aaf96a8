/** Signatures as the Standard Webhooks specification has them, version v1: https://www.standardwebhooks.com */
import { Buffer } from "node:buffer";
import { createHmac } from "node:crypto";

export interface Signed {
  /** The event's id, the same in every attempt. */
  readonly id: string;
  /** When this attempt is made, in milliseconds since the epoch. */
  readonly atMs: number;
  readonly body: string;
  /** Base64; each adds a signature. */
  readonly secrets: readonly string[];
}

/** The headers by which a receiver knows that an event is ours, whole, and not an old one sent again. */
export function signatureHeaders({ id, atMs, body, secrets }: Signed): Record<string, string> {
  const timestamp = String(Math.floor(atMs / 1_000));
  const signatures = secrets.map((secret) =>
    `v1,${
      createHmac("sha256", Buffer.from(secret, "base64")).update(`${id}.${timestamp}.${body}`).digest(
        "base64",
      )
    }`
  );
  return {
    "webhook-id": id,
    "webhook-timestamp": timestamp,
    "webhook-signature": signatures.join(" "),
  };
}
