/** The real services that the environment names, for tests that need them; each test gets a database of its own. */
import { openPostgres } from "../../core/store/postgres.ts";

export interface Services {
  readonly databaseUrl: string;
  readonly kafkaBrokers: string;
  readonly redisUrl: string;
}

/** With REQUIRE_SERVICES=1, as in CI, a test without its services fails instead of being skipped. */
export const required = Deno.env.get("REQUIRE_SERVICES") === "1";

/** The services, or undefined when some are not given; start them with `.ci/services start`. */
export const services: Services | undefined = (() => {
  const databaseUrl = Deno.env.get("TEST_DATABASE_URL");
  const kafkaBrokers = Deno.env.get("TEST_KAFKA_BROKERS");
  const redisUrl = Deno.env.get("TEST_REDIS_URL");
  if (databaseUrl && kafkaBrokers && redisUrl) return { databaseUrl, kafkaBrokers, redisUrl };
  if (required) {
    throw new Error(
      "REQUIRE_SERVICES is set, but TEST_DATABASE_URL, TEST_KAFKA_BROKERS, TEST_REDIS_URL are not",
    );
  }
  return undefined;
})();

/** A test on real services; skipped aloud where they are not given. */
export function testOnServices(name: string, run: (services: Services) => Promise<void>): void {
  Deno.test({
    name: services === undefined
      ? `${name} (skipped: no TEST_DATABASE_URL, TEST_KAFKA_BROKERS, TEST_REDIS_URL)`
      : name,
    ignore: services === undefined,
    fn: () => run(services!),
  });
}

/** Makes an empty database beside the given one; dropped when disposed. */
export async function freshDatabase(
  databaseUrl: string,
): Promise<{ readonly url: string } & AsyncDisposable> {
  const name = `test_${crypto.randomUUID().replaceAll("-", "")}`;
  const admin = openPostgres({ url: databaseUrl, poolSize: 1 });
  await admin.query(`create database ${name}`);
  const url = new URL(databaseUrl);
  url.pathname = `/${name}`;
  return {
    url: url.href,
    async [Symbol.asyncDispose]() {
      await admin.query(`drop database ${name} with (force)`);
      await admin[Symbol.asyncDispose]();
    },
  };
}
