/** The connection to Kafka: its address, and the names of our topics and group. */
import { connect as connectSocket, isIP, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { type Admin, Kafka, type KafkaConfig, logLevel, type SASLOptions } from "kafkajs";
import { readNamedFile } from "../named_file.ts";
import { type Logger, reason } from "../telemetry/log.ts";
import { requireReadable, requireTopics } from "./kafka_topics.ts";
import { DEAD_TOPIC, GROUP, PARTITIONS, THOUGHTS_TOPIC } from "./queue.ts";

export interface KafkaConnectionOptions {
  /** Each as `host:port`. */
  readonly brokers: readonly string[];
  readonly log: Logger;
  /** How to log in. @default not at all */
  readonly login?: KafkaLogin;
  /** Encrypts the connection. @default not encrypted */
  readonly tls?: KafkaTls;
  readonly names?: KafkaNames;
  /** Partitions of the thoughts' topic, where it is created. @default 6 */
  readonly partitions?: number;
  /** Copies of each partition, where a topic is created. @default the broker's */
  readonly replication?: number;
}

export interface KafkaLogin {
  readonly mechanism: "plain" | "scram-sha-256" | "scram-sha-512";
  readonly user: string;
  readonly password: string;
}

/** Files in PEM. */
export interface KafkaTls {
  /** Of the authority that signed the broker's certificate. @default those that the system knows */
  readonly caFile?: string;
  /** Of a client certificate and its key, where the broker asks for one. */
  readonly certificateFile?: string;
  readonly keyFile?: string;
}

/** The names of our topics and group in Kafka. */
export interface KafkaNames {
  /** @default "thoughts" */
  readonly thoughts?: string;
  /** @default "thoughts.dead" */
  readonly dead?: string;
  /** @default "batch-processor" */
  readonly group?: string;
}

export interface KafkaConnection {
  readonly client: Kafka;
  /**
   * An administrative client that tries each broker once. Disconnecting it leaves nothing behind, even with a
   * silent broker.
   */
  newAdmin(): Admin;
  /** The consumer group that all workers share. */
  readonly group: string;
  /** The name in Kafka of our topic `name`. */
  topic(name: string): string;
  /**
   * Creates the topics that are missing.
   *
   * @throws {QueueMisconfiguredError} naming a topic that may not be created, or that the broker compresses
   * in a way that kafkajs cannot read
   */
  prepareTopics(): Promise<void>;
}

export const CONNECT_TIMEOUT_MS = 3_000;
const REQUEST_TIMEOUT_MS = 10_000;

/** A closed connection that the broker does not close too is destroyed after this. */
const CLOSE_TIMEOUT_MS = 5_000;

/** Makes a client; nothing is connected until it is used. */
export function createKafkaConnection(options: KafkaConnectionOptions): KafkaConnection {
  const { brokers, log, login, tls, names = {}, partitions = PARTITIONS, replication } = options;
  let attempts = 0;
  const config: KafkaConfig = {
    clientId: "thought-processor",
    // Each attempt of any client asks the next one: a client begins with the first, which may be gone.
    brokers: () => [brokers[attempts++ % brokers.length]!],
    connectionTimeout: CONNECT_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    ...(login === undefined ? {} : { sasl: saslOptions(login) }),
    ...(tls === undefined ? {} : { ssl: tlsOptions(tls) }),
    socketFactory: openSocket,
    retry: { initialRetryTime: 200, maxRetryTime: 3_000, retries: 8 },
    logLevel: logLevel.WARN,
    logCreator: () => ({ log: entry }) =>
      log.debug("kafkajs", { kafkajs: reason(entry.error ?? entry.message) }),
  };
  const client = new Kafka(config);
  const called: Readonly<Record<string, string | undefined>> = {
    [THOUGHTS_TOPIC]: names.thoughts,
    [DEAD_TOPIC]: names.dead,
  };
  const topic = (name: string) => called[name] ?? name;

  function newAdmin(): Admin {
    const sockets = new Set<Socket>();
    let over = false;
    const admin = new Kafka({
      ...config,
      retry: { initialRetryTime: 100, retries: brokers.length - 1 },
      socketFactory(to) {
        const socket = openSocket(to);
        sockets.add(socket.on("close", () => sockets.delete(socket)));
        return over ? socket.destroy() : socket;
      },
    }).admin();
    return {
      ...admin,
      async disconnect() {
        over = true;
        // kafkajs waits for requests in flight; the sockets do not.
        const closed = admin.disconnect();
        for (const socket of sockets) socket.end();
        await closed;
      },
    };
  }

  return {
    client,
    newAdmin,
    group: names.group ?? GROUP,
    topic,
    async prepareTopics() {
      const admin = newAdmin();
      try {
        await admin.connect();
        await requireTopics(admin, [
          { topic: topic(THOUGHTS_TOPIC), numPartitions: partitions, replicationFactor: replication },
          { topic: topic(DEAD_TOPIC), numPartitions: 1, replicationFactor: replication },
        ], log);
        await requireReadable(admin, topic(THOUGHTS_TOPIC));
      } finally {
        await admin.disconnect();
      }
    },
  };
}

/**
 * An error that says what a broker may mean by closing a connection at once, the only sign of a listener of another
 * kind.
 */
export function explained(error: unknown, { login, tls }: KafkaConnectionOptions): unknown {
  const wants = [
    ...(tls === undefined ? ["TLS (KAFKA_TLS)"] : []),
    ...(login === undefined ? ["a login (KAFKA_SASL_MECHANISM)"] : []),
  ];
  if (wants.length === 0 || !/Closed connection/.test(reason(error))) return error;
  return new Error(`The broker closed the connection. Does this port want ${wants.join(" or ")}?`, {
    cause: error,
  });
}

const saslOptions = ({ mechanism, user: username, password }: KafkaLogin) =>
  ({ mechanism, username, password }) as SASLOptions;

function tlsOptions({ caFile, certificateFile, keyFile }: KafkaTls) {
  return {
    ...(caFile === undefined ? {} : { ca: readNamedFile(caFile, "KAFKA_CA_FILE") }),
    ...(certificateFile === undefined ? {} : { cert: readNamedFile(certificateFile, "KAFKA_CERT_FILE") }),
    ...(keyFile === undefined ? {} : { key: readNamedFile(keyFile, "KAFKA_KEY_FILE") }),
  };
}

/** kafkajs only closes its side of a connection, which would leak each one to a silent broker. */
const openSocket: NonNullable<KafkaConfig["socketFactory"]> = ({ host, port, ssl, onConnect }) => {
  const socket: Socket = ssl
    ? connectTls({ host, port, ...(isIP(host) ? {} : { servername: host }), ...ssl }, onConnect)
    : connectSocket({ host, port }, onConnect);
  const end = socket.end.bind(socket);
  socket.end = ((...args: Parameters<typeof end>) => {
    Deno.unrefTimer(setTimeout(() => socket.destroy(), CLOSE_TIMEOUT_MS));
    return end(...args);
  }) as typeof socket.end;
  return socket.setKeepAlive(true, 60_000);
};
