/** The benchmark's stores: real services named by the environment, or embedded ones. */
import { freshDatabase } from "../tests/support/services.ts";

export interface Stores extends AsyncDisposable {
  /** Absent: embedded. */
  readonly services?: {
    readonly databaseUrl: string;
    readonly kafkaBrokers: string;
    readonly redisUrl: string;
  };
  /** The environment by which our processes find them. */
  readonly env: Readonly<Record<string, string>>;
  /** Their description, for the report. */
  readonly description: string;
}

/**
 * Opens its own database on the server that `TEST_DATABASE_URL` or `DATABASE_URL` names, beside the Redis and
 * Kafka of `TEST_REDIS_URL`, `TEST_KAFKA_BROKERS` or their namesakes without `TEST_`. Without them: embedded,
 * in a folder that is removed at the end.
 *
 * @throws {Error} when only some of the three are given
 */
export async function openStores(): Promise<Stores> {
  const given = (name: string) => Deno.env.get(`TEST_${name}`) || Deno.env.get(name) || undefined;
  const [databaseUrl, redisUrl, kafkaBrokers] = ["DATABASE_URL", "REDIS_URL", "KAFKA_BROKERS"].map(given);
  if (databaseUrl === undefined && redisUrl === undefined && kafkaBrokers === undefined) {
    return await embedded();
  }
  if (databaseUrl === undefined || redisUrl === undefined || kafkaBrokers === undefined) {
    throw new Error("Cannot measure: give DATABASE_URL, REDIS_URL and KAFKA_BROKERS, or none of them");
  }
  const database = await freshDatabase(databaseUrl);
  const services = { databaseUrl: database.url, kafkaBrokers, redisUrl };
  return {
    services,
    env: { DATABASE_URL: database.url, KAFKA_BROKERS: kafkaBrokers, REDIS_URL: redisUrl },
    description: "PostgreSQL, Redis, Kafka",
    [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
  };
}

const DATA = new URL("../.data", import.meta.url).pathname;

async function embedded(): Promise<Stores> {
  // Below .data, the only folder that the program measured may write to.
  await Deno.mkdir(DATA, { recursive: true });
  const folder = await Deno.makeTempDir({ dir: DATA, prefix: "bench-" });
  return {
    env: { DATA_DIR: folder },
    description: "embedded (PGlite, in-process queue and cache)",
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}
