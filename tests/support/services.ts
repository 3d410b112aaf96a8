/** The real services that the environment names, for tests that need them. Each test gets its own database. */
import { openPostgres } from "../../core/store/postgres.ts";

export interface Services {
  readonly databaseUrl: string;
  readonly kafkaBrokers: string;
  readonly redisUrl: string;
}

/** With REQUIRE_SERVICES=1, as in CI, a test without its services fails instead of being skipped. */
export const required = Deno.env.get("REQUIRE_SERVICES") === "1";

/** The services, or undefined when one is missing; start them with `.ci/services start`. */
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

/** A test on real services; where they are missing, its name says that it was skipped. */
export function testOnServices(name: string, run: (services: Services) => Promise<void>): void {
  Deno.test({
    name: services === undefined
      ? `${name} (skipped: no TEST_DATABASE_URL, TEST_KAFKA_BROKERS, TEST_REDIS_URL)`
      : name,
    ignore: services === undefined,
    fn: () => run(services!),
  });
}

/** Creates an empty database on the same server; disposing it drops it. */
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
