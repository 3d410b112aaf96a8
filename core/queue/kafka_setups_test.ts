/**
 * Kafka as people run it: with a login, over TLS, with topics of their own, and without the right to create
 * any.
 */
import assert from "node:assert/strict";
import {
  AclOperationTypes,
  AclPermissionTypes,
  AclResourceTypes,
  Kafka,
  logLevel,
  ResourcePatternTypes,
} from "kafkajs";
import { makeCertificates } from "../../tests/support/certificates.ts";
import { testOnServices } from "../../tests/support/services.ts";
import { startTcpProxy } from "../../tests/support/tcp_proxy.ts";
import { waitFor } from "../../tests/support/wait.ts";
import { createLogger } from "../telemetry/log.ts";
import { openKafka } from "./kafka.ts";
import type { KafkaConnectionOptions } from "./kafka_connection.ts";
import { DEAD_TOPIC, QueueUnavailableError, type ReceivedMessage, THOUGHTS_TOPIC } from "./queue.ts";

const loginBrokers = [Deno.env.get("TEST_KAFKA_LOGIN_BROKERS")!];
const tlsBrokers = [Deno.env.get("TEST_KAFKA_TLS_BROKERS")!];
const certificates = Deno.env.get("TEST_KAFKA_CERTIFICATES");

type Setup = Omit<KafkaConnectionOptions, "log">;

function logger() {
  let logged = "";
  const log = createLogger({ service: "test", write: (lines) => logged += lines });
  return { log, logged: () => (log.flush(), logged) };
}

/** Topics and a group that no other test has. */
function ownNames() {
  const own = `test-${crypto.randomUUID()}`;
  return { thoughts: own, dead: `${own}.dead`, group: `${own}-group` };
}

async function administer<T>(
  brokers: string,
  run: (admin: ReturnType<Kafka["admin"]>) => Promise<T>,
): Promise<T> {
  const admin = new Kafka({ brokers: [brokers], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    return await run(admin);
  } finally {
    await admin.disconnect();
  }
}

/** Publishes a thought and a dead letter, and waits until the thought comes. */
async function roundTrip(setup: Setup): Promise<void> {
  const { log, logged } = logger();
  await using queue = openKafka({ ...setup, log });
  const value = crypto.randomUUID();
  const received: ReceivedMessage[] = [];
  await using _subscription = await queue.subscribe((batch) => {
    received.push(...batch);
    return Promise.resolve(batch.length);
  }, 10);
  const message = { value, reason: null, traceparent: null };
  await queue.publish([{ ...message, topic: THOUGHTS_TOPIC }, {
    ...message,
    topic: DEAD_TOPIC,
    reason: "a test",
  }]);
  await waitFor("the message", () => received.some((message) => message.value === value), {
    describe: logged,
  });
  assert.equal(received[0]!.topic, THOUGHTS_TOPIC);
  await queue.ping();
}

for (const mechanism of ["plain", "scram-sha-256", "scram-sha-512"] as const) {
  testOnServices(`Kafka with a login by ${mechanism} works; a wrong password is named`, async () => {
    const login = { mechanism, user: "ada", password: "secret" };
    await roundTrip({ brokers: loginBrokers, login, names: ownNames() });

    const { log } = logger();
    await using queue = openKafka({
      brokers: loginBrokers,
      login: { ...login, password: "canary" },
      names: ownNames(),
      log,
    });
    await assert.rejects(
      queue.ping(),
      (error) =>
        error instanceof QueueUnavailableError && error.why === "the login is refused" &&
        /authentication/i.test(error.message) && !/canary/.test(error.message),
    );
  });
}

testOnServices("Kafka over TLS checks the broker's certificate and shows its own", async () => {
  const tls = {
    caFile: `${certificates}/authority.pem`,
    certificateFile: `${certificates}/ada.pem`,
    keyFile: `${certificates}/ada-key.pem`,
  };
  await roundTrip({ brokers: tlsBrokers, tls, names: ownNames() });
  await using others = await makeCertificates();
  const { log } = logger();
  for (const wrong of [{ ...tls, caFile: others.stranger }, { caFile: tls.caFile }]) {
    await using queue = openKafka({ brokers: tlsBrokers, tls: wrong, log });
    await assert.rejects(queue.ping(), QueueUnavailableError);
  }
  assert.throws(
    () => openKafka({ brokers: tlsBrokers, tls: { caFile: "/nowhere" }, log }),
    /Cannot read \/nowhere, which KAFKA_CA_FILE names/,
  );
});

Deno.test("Kafka over TLS at an IP address checks that the certificate has it", async () => {
  await using certificates = await makeCertificates();
  const { authority, byAddress, server } = certificates;
  for (const [{ certificate, key }, has] of [[byAddress, true], [server, false]] as const) {
    using listener = Deno.listenTls({
      hostname: "127.0.0.1",
      port: 0,
      cert: await Deno.readTextFile(certificate),
      key: await Deno.readTextFile(key),
    });
    // It trusts the certificate or not, and then waits for an answer that does not come.
    const closed = listener.accept().then(async (peer) => {
      await peer.read(new Uint8Array(1)).catch(() => {});
      peer.close();
    });
    const { log } = logger();
    await using queue = openKafka({
      brokers: [`127.0.0.1:${listener.addr.port}`],
      tls: { caFile: authority },
      log,
    });
    await assert.rejects(queue.ping(), has ? /want a login/ : /certificate/i);
    await closed;
  }
});

testOnServices("a broker that wants TLS or a login is asked for it by name", async () => {
  for (const brokers of [loginBrokers, tlsBrokers]) {
    const { log } = logger();
    await using queue = openKafka({ brokers, log });
    for (const use of [queue.ping, () => queue.subscribe(() => Promise.resolve(0), 1)]) {
      await assert.rejects(use(), /want TLS \(KAFKA_TLS\) or a login \(KAFKA_SASL_MECHANISM\)\?/);
    }
  }
});

testOnServices(
  "a broker that has responded before, and then closes, is asked nothing",
  async ({ kafkaBrokers }) => {
    const [hostname, port] = kafkaBrokers.split(":");
    await using proxy = startTcpProxy({ hostname: hostname!, port: Number(port) });
    const { log } = logger();
    await using queue = openKafka({ brokers: [`127.0.0.1:${proxy.port}`], log });
    await queue.ping();
    proxy.redirect({ hostname: "127.0.0.1", port: 1 }); // each connection closes at once
    const publishing = queue.publish([{
      topic: THOUGHTS_TOPIC,
      value: "a thought",
      reason: null,
      traceparent: null,
    }]);
    await assert.rejects(publishing, (error: Error) => !/want TLS/.test(error.message));
  },
);

testOnServices("topics and group have the names that are set", async ({ kafkaBrokers }) => {
  const names = ownNames();
  await roundTrip({ brokers: [kafkaBrokers], names, partitions: 3 });
  await administer(kafkaBrokers, async (admin) => {
    const { topics } = await admin.fetchTopicMetadata({ topics: [names.thoughts, names.dead] });
    assert.deepEqual(topics.map(({ partitions }) => partitions.length).toSorted(), [1, 3]);
    const { groups } = await admin.listGroups();
    assert.ok(groups.some(({ groupId }) => groupId === names.group));
  });
});

testOnServices(
  "a topic that exists with other partitions or replicas is named at the start",
  async ({ kafkaBrokers }) => {
    const names = ownNames();
    await administer(
      kafkaBrokers,
      (admin) =>
        admin.createTopics({ topics: [{ topic: names.thoughts, numPartitions: 1 }, { topic: names.dead }] }),
    );
    const { log, logged } = logger();
    await using queue = openKafka({ brokers: [kafkaBrokers], names, replication: 3, log });
    await queue.publish([]);
    await using _subscription = await queue.subscribe((batch) => Promise.resolve(batch.length), 1);
    assert.match(
      logged(),
      new RegExp(`fewer partitions than wanted.*"topic":"${names.thoughts}","partitions":1,"wanted":6`),
    );
    assert.match(logged(), /another number of replicas than wanted.*"replicas":1,"wanted":3/);
  },
);

testOnServices("more replicas than brokers are named, with the topic", async ({ kafkaBrokers }) => {
  const { log } = logger();
  const names = ownNames();
  await using queue = openKafka({ brokers: [kafkaBrokers], names, replication: 3, log });
  await assert.rejects(
    queue.subscribe(() => Promise.resolve(0), 1),
    new RegExp(`Cannot create the topic ${names.thoughts}: .*[Rr]eplication`),
  );
});

testOnServices(
  "a user who may not create topics is told which, and how many partitions",
  async ({ kafkaBrokers }) => {
    const names = ownNames();
    const rule = (principal: string, operation: AclOperationTypes, permissionType: AclPermissionTypes) => ({
      principal,
      operation,
      permissionType,
      host: "*",
      resourceType: AclResourceTypes.CLUSTER,
      resourceName: "kafka-cluster",
      resourcePatternType: ResourcePatternTypes.LITERAL,
    });
    const denied = rule("User:reader", AclOperationTypes.CREATE, AclPermissionTypes.DENY);
    await administer(kafkaBrokers, async (admin) => {
      await admin.createAcls({
        acl: [rule("User:*", AclOperationTypes.ALL, AclPermissionTypes.ALLOW), denied, {
          ...denied,
          resourceType: AclResourceTypes.TOPIC,
          resourceName: names.thoughts,
        }],
      });
      await waitFor(
        "the broker to heed it",
        async () => (await admin.describeAcls(denied)).resources.length > 0,
      );
    });
    const { log } = logger();
    const login = { mechanism: "plain", user: "reader", password: "secret" } as const;
    await using queue = openKafka({ brokers: loginBrokers, login, names, log });
    await assert.rejects(
      queue.subscribe(() => Promise.resolve(0), 1),
      new RegExp(`Cannot create the topic ${names.thoughts}: .*authori.*Create it with 6 partitions`, "i"),
    );
  },
);

Deno.test("a broker that falls silent costs no socket, however often it is asked", async () => {
  using silent = Deno.listen({ hostname: "127.0.0.1", port: 0 }); // takes connections, and never reads them
  const { log } = logger();
  const { port } = silent.addr;
  const hex = port.toString(16).toUpperCase().padStart(4, "0");
  /** Connections to it that some process still holds: their line names an inode. */
  const sockets = async () => {
    const lines = (await Deno.readTextFile("/proc/net/tcp")).trim().split("\n").map((line) =>
      line.trim().split(/\s+/)
    );
    return lines.filter((fields) => fields[2]!.endsWith(`:${hex}`) && fields[9] !== "0").length;
  };
  await using queue = openKafka({ brokers: [`127.0.0.1:${port}`], log });
  await Promise.all(Array.from({ length: 3 }, () => assert.rejects(queue.ping(), QueueUnavailableError)));
  await assert.rejects(queue.ping(), QueueUnavailableError);
  assert.ok(await sockets() > 0);
  await waitFor("the sockets to be closed", async () => await sockets() === 0, {
    timeoutMs: 20_000,
  });
});
