/** A thought's end, reported to a real receiver: through the API, a worker and the process that delivers. */
import assert from "node:assert/strict";
import { Webhook } from "standardwebhooks";
import { makeKey, openKeys } from "../../api/keys.ts";
import { startApi } from "../../api/serve.ts";
import { openMemoryCache } from "../../core/cache/memory.ts";
import { loadConfig } from "../../core/config.ts";
import { openMemoryQueue } from "../../core/queue/memory.ts";
import type { Database } from "../../core/store/database.ts";
import { createLogger } from "../../core/telemetry/log.ts";
import { startWebhooks } from "../../webhooks/webhooks.ts";
import { createNoneAnalyser } from "../../worker/analysers/none.ts";
import { startWorker } from "../../worker/worker.ts";
import { testOnDatabase, testOnDatabases } from "../support/databases.ts";
import { createKeyFile } from "../support/key_file.ts";
import { loggedUrl, startProcess } from "../support/process.ts";
import { startReceiver } from "../support/receiver.ts";
import { freshDatabase, testOnServices } from "../support/services.ts";
import { waitFor } from "../support/wait.ts";

const TO_THIS_MACHINE = { WEBHOOK_PRIVATE_HOSTS: "127.0.0.1" };

/** API, worker and deliverer over a database; every log line is kept. */
function startSystem(
  database: Database,
  env: Record<string, string> = {},
  { keys = [], worker = true }: { keys?: readonly string[]; worker?: boolean } = {},
) {
  const stack = new AsyncDisposableStack();
  let lines = "";
  const log = createLogger({ service: "test", level: "DEBUG", write: (text) => lines += text });
  const settings: Record<string, string> = { WORKER_PORT: "0", WEBHOOKS_PORT: "0", ...env };
  const config = loadConfig({ env: (name) => settings[name] });
  const keyFile = stack.use(createKeyFile(...keys));
  const api = stack.use(startApi({
    database,
    log,
    host: "127.0.0.1",
    port: 0,
    webhookPrivateHosts: config.webhookPrivateHosts,
    access: keys.length === 0 ? {} : { keys: stack.use(openKeys({ paths: [keyFile.path], log })) },
  }));
  const common = { config, version: "0", database, log };
  const inside = { queue: openMemoryQueue(log), cache: openMemoryCache(60), analyser: createNoneAnalyser() };
  if (worker) stack.use(startWorker({ ...common, ...inside }));
  const webhooks = stack.use(startWebhooks({ ...common, serve: true }));
  return Object.assign(caller(api.url), {
    webhooks,
    lines: () => {
      log.flush();
      return lines;
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  });
}

/** What a client of the API does, with a key or without. */
function caller(url: string, key?: string) {
  const headers = {
    "content-type": "application/json",
    ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
  };
  const call = async (method: string, path: string, body?: unknown) => {
    const response = await fetch(url + path, {
      method,
      headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, body: text === "" ? null : JSON.parse(text) };
  };
  return {
    url,
    call,
    /** Saves a webhook. @returns its secret */
    async hook(url: string): Promise<string> {
      const { status, body } = await call("PUT", "/webhook", { url });
      assert.equal(status, 200, JSON.stringify(body));
      return body.secret;
    },
    async post(text: string, userId = "ada"): Promise<string> {
      const { status, body } = await call("POST", "/thoughts", { user_id: userId, text });
      assert.equal(status, 201);
      return body.id;
    },
    /** The webhook's state, once it fulfils a condition. */
    state: (until: (webhook: { pending: number; given_up: number; last_error: string | null }) => boolean) =>
      waitFor("the webhook's state", async () => {
        const { body } = await call("GET", "/webhook");
        return until(body) && body;
      }, { everyMs: 20 }),
  };
}

const idOf = ({ body }: { body: string }) => JSON.parse(body).data.id;

testOnDatabases(
  "a completed thought is reported, and an independent implementation verifies it",
  async (database) => {
    await using receiver = startReceiver();
    await using system = startSystem(database, TO_THIS_MACHINE);
    const secret = await system.hook(`${receiver.url}/hooks`);
    const id = await system.post("Call the dentist");
    const [event] = await receiver.got(1) as [typeof receiver.received[0]];

    assert.deepEqual(new Webhook(secret).verify(event.body, event.headers), JSON.parse(event.body));
    assert.throws(() => new Webhook(secret).verify(event.body.replace("ada", "eve"), event.headers));
    const thought = (await system.call("GET", `/thoughts/${id}`)).body;
    assert.deepEqual(JSON.parse(event.body), {
      type: "thought.completed",
      timestamp: thought.finished_at,
      data: {
        id,
        user_id: "ada",
        status: "completed",
        created_at: thought.created_at,
        finished_at: thought.finished_at,
      },
    });
    assert.doesNotMatch(event.body, /dentist/);
    await system.state(({ pending }) => pending === 0);
    assert.equal(receiver.received.length, 1);
  },
);

testOnDatabase("with a new secret the one before signs as well", async (database) => {
  await using receiver = startReceiver();
  await using system = startSystem(database, TO_THIS_MACHINE);
  const secrets = [await system.hook(receiver.url), await system.hook(receiver.url)];
  await system.post("Sign this");
  const [{ body, headers }] = await receiver.got(1) as [typeof receiver.received[0]];
  for (const secret of secrets) new Webhook(secret).verify(body, headers);
  assert.throws(() => new Webhook(`whsec_${btoa("another")}`).verify(body, headers));
});

testOnDatabase(
  "a receiver that fails gets the same event again, under the same id, until it accepts",
  async (database) => {
    await using receiver = startReceiver((_, count) => new Response("no", { status: count < 3 ? 500 : 200 }));
    await using system = startSystem(database, { ...TO_THIS_MACHINE, WEBHOOK_RETRY_FIRST_MS: "50" });
    const secret = await system.hook(receiver.url);
    await system.post("Try again");
    const events = await receiver.got(3);
    assert.equal(new Set(events.map(({ headers }) => headers["webhook-id"])).size, 1);
    assert.equal(new Set(events.map(({ body }) => body)).size, 1);
    for (const { body, headers } of events) new Webhook(secret).verify(body, headers);
    await system.state(({ pending }) => pending === 0);
    const metrics = await (await fetch(`${system.webhooks.url}/metrics`)).text();
    assert.match(metrics, /^webhook_attempts_total\{outcome="rejected"\} 2$/m);
    assert.match(metrics, /^webhook_attempts_total\{outcome="accepted"\} 1$/m);
  },
);

testOnDatabase(
  "an event is given up when its time is over, and at once when the receiver is gone",
  async (database) => {
    await using receiver = startReceiver(({ path }) =>
      new Response(null, { status: path === "/gone" ? 410 : 404 })
    );
    await using system = startSystem(database, {
      ...TO_THIS_MACHINE,
      WEBHOOK_RETRY_FIRST_MS: "100",
      WEBHOOK_GIVE_UP_AFTER_S: "1",
    });
    await system.hook(receiver.url);
    await system.post("Nobody wants this");
    const state = await system.state(({ given_up }) => given_up === 1);
    assert.deepEqual([state.pending, state.last_error], [0, "status 404"]);

    const before = receiver.received.length;
    await system.hook(`${receiver.url}/gone`);
    await system.post("Nor this");
    await system.state(({ given_up }) => given_up === 2);
    assert.equal(receiver.received.length, before + 1);
    assert.match(await (await fetch(`${system.webhooks.url}/metrics`)).text(), /^webhook_given_up_total 2$/m);
  },
);

testOnDatabase(
  "private addresses are refused when the webhook is saved, and names of them when it is used",
  async (database) => {
    await using receiver = startReceiver();
    await using system = startSystem(database);
    const { port } = new URL(receiver.url);
    for (
      const url of [
        receiver.url,
        `https://127.0.0.1:${port}`,
        `https://[::ffff:127.0.0.1]:${port}`,
        "nowhere",
      ]
    ) {
      const { status, body } = await system.call("PUT", "/webhook", { url });
      assert.deepEqual([status, body.code, body.errors[0].field], [422, "webhook-url-refused", "url"], url);
    }
    // A name of this machine, which the system resolves.
    await system.hook(`https://${Deno.hostname()}:${port}/`);
    await system.post("Look inside");
    const { last_error } = await system.state((webhook) => webhook.last_error !== null);
    assert.equal(last_error, "the host's name leads into a private network");
    assert.equal(receiver.received.length, 0);
  },
);

testOnDatabase("a receiver that is slow, and one that is away, hold up no other", async (database) => {
  const held = Promise.withResolvers<void>();
  await using slow = startReceiver(async () => {
    await held.promise;
    return new Response();
  });
  await using quick = startReceiver();
  const names = ["slow", "away", "quick"];
  const keys = names.map((name) => makeKey({ name }));
  await using system = startSystem(database, { ...TO_THIS_MACHINE, WEBHOOK_TIMEOUT_MS: "60000" }, {
    keys: keys.map(({ line }) => line),
  });
  using _answer = { [Symbol.dispose]: held.resolve }; // when the test fails, too
  const [forSlow, forAway, forQuick] = keys.map(({ key }) => caller(system.url, key)) as [
    ReturnType<typeof caller>,
    ReturnType<typeof caller>,
    ReturnType<typeof caller>,
  ];
  await forSlow.hook(slow.url);
  await forAway.hook("http://127.0.0.1:1/");
  const bulk = (who: ReturnType<typeof caller>) =>
    who.call("POST", "/thoughts/bulk", {
      thoughts: Array.from({ length: 50 }, (_, at) => ({ user_id: "ada", text: `Thought ${at}` })),
    });
  await Promise.all([bulk(forSlow), bulk(forAway)]);
  await slow.got(8); // all that it may get at once
  await forAway.state(({ last_error }) => last_error === "no connection: ECONNREFUSED");

  await forQuick.hook(quick.url);
  const started = performance.now();
  const id = await forQuick.post("Be quick");
  assert.equal(idOf((await quick.got(1))[0]!), id);
  assert.ok(performance.now() - started < 3_000, `${performance.now() - started} ms`);
  assert.equal(slow.received.length, 8);
  assert.equal(quick.received.length, 1, "no key gets another's events");
  held.resolve();
  await slow.got(50);
});

testOnDatabases(
  "deleting a thought, or forgetting its user, takes its events and the user's webhook along",
  async (database) => {
    await using receiver = startReceiver(() => new Response(null, { status: 503 }));
    const key = makeKey({ name: "ada", user: "ada" });
    await using system = startSystem(database, { ...TO_THIS_MACHINE, WEBHOOK_RETRY_FIRST_MS: "60000" }, {
      keys: [key.line],
    });
    const ada = caller(system.url, key.key);
    await ada.hook(receiver.url);
    const ids = [await ada.post("One"), await ada.post("Two")];
    await ada.state(({ pending }) => pending === 2);
    assert.equal((await ada.call("DELETE", `/thoughts/${ids[0]}`)).status, 204);
    await ada.state(({ pending }) => pending === 1);
    assert.equal((await ada.call("DELETE", "/thoughts?user_id=ada")).status, 200);
    assert.equal((await ada.call("GET", "/webhook")).body.code, "webhook-not-found");
    assert.deepEqual(await database.query("select id from webhook_deliveries"), []);
  },
);

testOnDatabase(
  "a cancelled thought is reported as failed, and a deleted webhook gets nothing",
  async (database) => {
    await using receiver = startReceiver();
    await using system = startSystem(database, TO_THIS_MACHINE, { worker: false });
    await system.hook(receiver.url);
    const cancel = async (id: string) =>
      assert.equal((await system.call("POST", `/thoughts/${id}/cancel`)).status, 200);
    const id = await system.post("Cancel me");
    await cancel(id);
    const [event] = await receiver.got(1) as [typeof receiver.received[0]];
    assert.deepEqual([JSON.parse(event.body).type, idOf(event)], ["thought.failed", id]);
    assert.equal((await system.call("DELETE", "/webhook")).status, 204);
    assert.equal((await system.call("DELETE", "/webhook")).status, 404);
    await cancel(await system.post("Another"));
    assert.equal((await database.query("select id from webhook_deliveries")).length, 0);
  },
);

testOnDatabase("no log line holds the secret, the URL's path or the thought", async (database) => {
  await using receiver = startReceiver((_, count) =>
    new Response("LEAK body", { status: count < 2 ? 500 : 200 })
  );
  await using system = startSystem(database, { ...TO_THIS_MACHINE, WEBHOOK_RETRY_FIRST_MS: "20" });
  const secret = await system.hook(`${receiver.url}/LEAK?LEAK=1`);
  await system.post("LEAK text");
  await receiver.got(2);
  await system.call("PUT", "/webhook", { url: "http://127.0.0.2/LEAK" });
  const lines = system.lines();
  assert.match(lines, /webhook event not accepted/);
  assert.doesNotMatch(lines, /LEAK/);
  assert.ok(!lines.includes(secret.slice("whsec_".length)));
});

testOnServices(
  "killed in the middle of a request, it delivers the same event again after its start",
  async ({ databaseUrl }) => {
    await using fresh = await freshDatabase(databaseUrl);
    const first = Promise.withResolvers<void>();
    await using receiver = startReceiver(async (_, count) => {
      if (count === 1) await first.promise;
      return new Response();
    });
    const env = {
      DATABASE_URL: fresh.url,
      WEBHOOKS_PORT: "0",
      WEBHOOK_TIMEOUT_MS: "300",
      ...TO_THIS_MACHINE,
    };
    const start = () => startProcess({ args: ["-P=webhooks", "webhooks/main.ts"], env });
    const killed = start();
    await loggedUrl(killed, "metrics");
    await using api = startProcess({ args: ["-P=api", "api/main.ts"], env: { ...env, API_PORT: "0" } });
    const system = caller(await loggedUrl(api, "url"));
    await system.hook(receiver.url);
    const id = await system.post("Survive");
    assert.equal((await system.call("POST", `/thoughts/${id}/cancel`)).status, 200);
    await receiver.got(1);
    killed.kill("SIGKILL");
    await killed.status;
    first.resolve();

    await using again = start();
    const url = await loggedUrl(again, "metrics");
    const events = await receiver.got(2);
    assert.equal(events[0]!.headers["webhook-id"], events[1]!.headers["webhook-id"]);
    assert.equal(events[0]!.body, events[1]!.body);
    await system.state(({ pending }) => pending === 0);
    assert.equal((await fetch(`${url}/health/ready`)).status, 200);
    again.kill("SIGTERM");
    assert.equal((await again.status).code, 0, again.stdout());
  },
);
