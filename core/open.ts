/**
 * Chooses the adapters: PostgreSQL, Kafka and Redis where an address is configured, otherwise those inside
 * the process.
 */
import { join } from "node:path";
import type { Cache } from "./cache/cache.ts";
import { openMemoryCache } from "./cache/memory.ts";
import { openRedis, type RedisConnectionOptions } from "./cache/redis.ts";
import type { Config } from "./config.ts";
import { openKafka } from "./queue/kafka.ts";
import type { KafkaConnectionOptions } from "./queue/kafka_connection.ts";
import { openMemoryQueue } from "./queue/memory.ts";
import type { Queue } from "./queue/queue.ts";
import type { Database } from "./store/database.ts";
import { openPostgres } from "./store/postgres.ts";
import type { Logger } from "./telemetry/log.ts";

/** Opens PostgreSQL, which connects on first use, or PGlite in `dataDir`, which takes seconds to open. */
export async function openDatabase(
  config: Pick<Config, "databaseUrl" | "databasePassword" | "dataDir" | "deployment">,
  log?: Logger,
): Promise<Database> {
  const { databaseUrl: url, databasePassword: password, dataDir, deployment: schema } = config;
  if (url === undefined) {
    const { openPglite } = await import("./store/pglite.ts"); // saves its memory in a process with PostgreSQL
    return await openPglite({ folder: join(dataDir, "database"), ...(log === undefined ? {} : { log }) });
  }
  return openPostgres({
    url,
    ...(password === undefined ? {} : { password }),
    ...(schema === undefined ? {} : { schema }),
  });
}

type KafkaSetting = Extract<keyof Config, `kafka${string}`>;

/** Opens Kafka, or a queue inside the process. */
export function openQueue(
  config: Pick<Config, KafkaSetting | "partitionsAtOnce" | "deployment">,
  log: Logger,
): Queue {
  const { kafkaBrokers: brokers, partitionsAtOnce } = config;
  return brokers === undefined
    ? openMemoryQueue(log)
    : openKafka({ ...kafkaConnection(config), brokers, partitionsAtOnce, log });
}

/** How to log in to Kafka, and the names of our topics and group. */
function kafkaConnection(
  config: Pick<Config, KafkaSetting | "deployment">,
): Omit<KafkaConnectionOptions, "brokers" | "log"> {
  const { kafkaSaslMechanism: mechanism, kafkaUser: user, kafkaPassword: password, deployment } = config;
  const { kafkaCaFile, kafkaCertFile, kafkaKeyFile, kafkaPartitions, kafkaReplication } = config;
  const prefix = deployment === undefined ? "" : `${deployment}.`;
  return {
    ...(mechanism === undefined ? {} : { login: { mechanism, user: user!, password: password! } }),
    ...(!config.kafkaTls ? {} : {
      tls: {
        ...(kafkaCaFile === undefined ? {} : { caFile: kafkaCaFile }),
        ...(kafkaCertFile === undefined ? {} : { certificateFile: kafkaCertFile }),
        ...(kafkaKeyFile === undefined ? {} : { keyFile: kafkaKeyFile }),
      },
    }),
    names: {
      thoughts: prefix + config.kafkaTopic,
      dead: prefix + config.kafkaDeadTopic,
      group: prefix + config.kafkaGroup,
    },
    partitions: kafkaPartitions,
    ...(kafkaReplication === undefined ? {} : { replication: kafkaReplication }),
  };
}

/** Opens Redis, or a cache inside the process. */
export function openCache(config: Pick<Config, RedisSetting | "cacheTtlS">, log: Logger): Cache {
  const redis = redisConnection(config);
  const { cacheTtlS: ttlS } = config;
  return redis === undefined ? openMemoryCache(ttlS) : openRedis({ ...redis, ttlS, log });
}

type RedisSetting = "redisUrl" | "redisPassword" | "redisCaFile" | "deployment";

/** How to connect to Redis; undefined where none is configured. */
export function redisConnection(config: Pick<Config, RedisSetting>): RedisConnectionOptions | undefined {
  const { redisUrl: url, redisPassword: password, redisCaFile: caFile, deployment } = config;
  if (url === undefined) return undefined;
  return {
    url,
    ...(password === undefined ? {} : { password }),
    ...(caFile === undefined ? {} : { caFile }),
    ...(deployment === undefined ? {} : { prefix: `${deployment}:` }),
  };
}
