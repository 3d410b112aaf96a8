/** The PostgreSQL, Redis and Kafka that the suite breaks, by way of `.ci/services`. */
import assert from "node:assert/strict";
import { ROOT } from "../support/process.ts";
import { required, type Services, testOnServices } from "../support/services.ts";
import { waitFor } from "../support/wait.ts";

export type Service = "postgres" | "redis" | "kafka";
type Deed = "start" | "stop" | "freeze" | "thaw" | "wipe";

export interface FaultTestOptions {
  /** Why it can't run here, if it can't. If services are required it then fails. */
  readonly skipped?: string;
}

/**
 * A test that breaks real services, those of `.ci/services`. They run again afterwards, whatever the test
 * did. Without them it is skipped, and says so.
 */
export function faultTest(
  name: string,
  run: (services: Services) => Promise<void>,
  { skipped }: FaultTestOptions = {},
): void {
  if (skipped !== undefined && !required) {
    Deno.test.ignore(`${name} (skipped: ${skipped})`, () => {});
    return;
  }
  testOnServices(name, async (services) => {
    assert.ok(Deno.env.get("SERVICES_DIR"), "SERVICES_DIR is not set: source <(.ci/services env)");
    try {
      await run(services);
    } finally {
      await mendAll(services);
    }
  });
}

/** Performs one action on one service, and waits until it is done. */
export async function service(deed: Deed, which: Service): Promise<void> {
  // Kafka stays in the background with the pipes it inherits, so nothing is piped.
  const { success } = await new Deno.Command(`${ROOT}.ci/services`, {
    args: [`${deed}_${which}`],
    stdin: "null",
    stdout: "null",
    stderr: "inherit",
  }).output();
  if (!success) throw new Error(`.ci/services ${deed}_${which} failed`);
}

/** Whether an address takes connections. */
async function listening(address: string): Promise<boolean> {
  const { hostname, port } = new URL(address);
  try {
    (await Deno.connect({ hostname, port: Number(port) })).close();
    return true;
  } catch {
    return false;
  }
}

async function mendAll({ databaseUrl, redisUrl, kafkaBrokers }: Services) {
  const addresses = { postgres: databaseUrl, redis: redisUrl, kafka: `kafka://${kafkaBrokers}` };
  for (const [which, address] of Object.entries(addresses) as [Service, string][]) {
    if (await listening(address)) await service("thaw", which);
    else {
      await service("start", which);
      await waitFor(`${which} is back`, () => listening(address));
    }
  }
}
