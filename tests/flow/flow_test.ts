/** From the request to the stored result, through real processes: embedded, and on real services. */
import assert from "node:assert/strict";
import { openPostgres } from "../../core/store/postgres.ts";
import { ResultSchema } from "../../core/result.ts";
import { readEvents } from "../support/events.ts";
import { loggedUrl, ROOT, type RunningProcess, startProcess } from "../support/process.ts";
import { freshDatabase, testOnServices } from "../support/services.ts";
import { waitFor } from "../support/wait.ts";

/** What was lost with a process or a foreign group member is found again within a second, not two minutes. */
const IMPATIENT = { LEASE_MS: "3000", REQUEUE_AFTER_MS: "1500", RECONCILE_EVERY_MS: "300" };

Deno.test("deno task dev with nothing configured", async (t) => {
  await using folder = await dataFolder();
  const env = { DATA_DIR: folder.path, API_PORT: "0", WORKER_PORT: "0", ...IMPATIENT };
  const startDev = () => startProcess({ args: ["-P=dev", "dev.ts"], env });
  let id = "";

  await t.step("it takes a thought and completes it with a result of five parts", async (t) => {
    await using dev = startDev();
    const url = await loggedUrl(dev, "url");
    const response = await post(url, { user_id: "ada", text: "I want to learn the guitar" });
    assert.equal(response.status, 201);
    const accepted = await response.json();
    id = accepted.id;
    assert.deepEqual(accepted, { id, status: "pending" });
    assert.equal(response.headers.get("location"), `/thoughts/${id}`);
    const thought = await finished(url, id);
    assert.equal(thought.status, "completed");
    assert.deepEqual(Object.keys(thought.result).sort(), [
      "actions",
      "analysis",
      "classification",
      "priority",
      "value",
    ]);
    ResultSchema.parse(thought.result);
    assert.equal(thought.result.classification.type, "goal");

    await t.step("a follower of a thought sees its states in order, and then the end", async () => {
      const { id } = await (await post(url, { user_id: "ada", text: "Follow me" })).json();
      const events = await readEvents(`${url}/thoughts/${id}/events`);
      assert.deepEqual(events.map(({ event }) => event), ["pending", "processing", "completed"]);
      assert.deepEqual(
        events.map(({ data }) => [data.id, data.status]),
        events.map(({ event }) => [id, event]),
      );
    });

    await t.step("it says where it is, where the data lies, and a line to try", () => {
      assert.match(dev.stderr(), new RegExp(`API +${url}`));
      assert.ok(dev.stderr().includes(`${ROOT}${folder.path}`));
      assert.match(dev.stderr(), new RegExp(`curl -s ${url}/thoughts`));
    });

    await t.step("a second one on the same data is refused, and told what to do", async () => {
      await using second = startDev();
      assert.equal((await second.status).code, 1);
      await waitFor("its last line", () => Promise.resolve(second.stdout().includes(`"stopped"`)));
      assert.match(second.stdout(), /another process uses it\. Stop that one, or set DATA_DIR/);
      assert.equal((await fetch(`${url}/health/ready`)).status, 200, "the first continues");
    });

    await t.step("told to stop, it exits with 0", async () => {
      dev.kill("SIGTERM");
      assert.equal((await dev.status).code, 0, dev.stdout());
    });
  });

  await t.step("started again, it still has the thought and accepts new ones", async (t) => {
    const dev = startDev();
    const url = await loggedUrl(dev, "url");
    assert.equal((await finished(url, id)).status, "completed");
    const next = await (await post(url, { user_id: "ada", text: "And another" })).json();
    assert.equal((await finished(url, next.id)).status, "completed");

    const ids = await Promise.all(Array.from({ length: 50 }, async (_, at) => {
      const response = await post(url, { user_id: "ada", text: `Thought ${at} before the power goes` });
      assert.equal(response.status, 201);
      return (await response.json()).id as string;
    }));
    dev.kill("SIGKILL");
    await dev.status;

    await t.step("killed while it works, it completes what it had accepted", async () => {
      await using dev = startDev();
      const url = await loggedUrl(dev, "url");
      for (const id of ids) assert.equal((await finished(url, id)).status, "completed");
    });
  });
});

testOnServices(
  "on real services three workers share the work, and each thought is done once",
  async (services) => {
    await using database = await freshDatabase(services.databaseUrl);
    const env = {
      DATABASE_URL: database.url,
      KAFKA_BROKERS: services.kafkaBrokers,
      REDIS_URL: services.redisUrl,
      API_PORT: "0",
      WORKER_PORT: "0",
      ...IMPATIENT,
      LEASE_MS: "30000", // nobody dies here
    };
    await using processes = new AsyncDisposableStack();
    const begin = (permissions: string, program: string): RunningProcess =>
      processes.use(startProcess({ args: [`-P=${permissions}`, program], env }));
    const api = begin("api", "api/main.ts");
    const workers = Array.from({ length: 3 }, () => begin("worker", "worker/main.ts"));
    const url = await loggedUrl(api, "url");
    const workerUrls = await Promise.all(workers.map((worker) => loggedUrl(worker, "metrics")));
    const total = async (name: string) => {
      const texts = await Promise.all(
        workerUrls.map(async (url) => await (await fetch(`${url}/metrics`)).text()),
      );
      return texts.map((text) => Number(text.match(new RegExp(`^${name} (\\S+)$`, "m"))?.[1] ?? NaN));
    };
    await waitFor(
      "all three workers to be active",
      async () => (await total("batch_processor_active_workers")).every((active) => active === 1),
    );

    const run = crypto.randomUUID(); // texts of their own: the cache is shared with other tests
    const count = 300;
    const ids = await Promise.all(Array.from({ length: count }, async (_, at) => {
      const response = await post(url, { user_id: `user ${at % 30}`, text: `Thought ${at} of ${run}` });
      assert.equal(response.status, 201);
      return (await response.json()).id as string;
    }));
    assert.equal(new Set(ids).size, count);
    await using rows = openPostgres({ url: database.url, poolSize: 1 });
    await waitFor("all to be completed", async () => {
      const [row] = await rows.query<{ done: number }>(
        "select count(*)::int as done from thoughts where status = 'completed' and result is not null",
      );
      return row!.done === count;
    }, { timeoutMs: 60_000 });

    const sum = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0);
    assert.equal(sum(await total("batch_processor_thoughts_processed_total")), count);
    assert.equal(sum(await total("batch_processor_fenced_writes_total")), 0);
    const attempts = await rows.query<{ attempts: number }>("select distinct attempts from thoughts");
    assert.deepEqual(attempts.map(({ attempts }) => attempts), [1]);

    const key = crypto.randomUUID();
    const same = await Promise.all(
      Array.from(
        { length: 20 },
        () => post(url, { user_id: "ada", text: `Only once, ${run}` }, { "idempotency-key": key }),
      ),
    );
    const answers = await Promise.all(
      same.map(async (response) => [response.status, (await response.json()).id]),
    );
    assert.equal(
      new Set(answers.map(([, id]) => id)).size,
      1,
      "one key is one thought, however many ask at once",
    );
    assert.deepEqual([...new Set(answers.map(([status]) => status))], [201]);
    assert.equal(
      same.filter((response) => response.headers.get("idempotent-replayed") === "true").length,
      19,
    );
    const other = await post(url, { user_id: "ada", text: "Something else" }, { "idempotency-key": key });
    assert.equal(other.status, 422);
    await other.body?.cancel();
    assert.equal((await finished(url, String(answers[0]![1]))).status, "completed");

    const { id } = await (await post(url, { user_id: "ada", text: `On its way, ${run}` })).json();
    const { timeline } = (await readEvents(`${url}/thoughts/${id}/events`)).at(-1)!.data as {
      timeline: Record<string, string>;
    };
    const { analysed_by, ...times } = timeline;
    assert.equal(analysed_by, "analyser");
    const inOrder = ["accepted_at", "queued_at", "published_at", "claimed_at", "analysed_at", "finished_at"];
    assert.deepEqual(
      Object.entries(times).sort(([, one], [, other]) => Date.parse(one) - Date.parse(other)).map(([name]) =>
        name
      ),
      inOrder,
    );

    for (const { kill } of [api, ...workers]) kill("SIGTERM");
    for (const program of [api, ...workers]) assert.equal((await program.status).code, 0, program.stdout());
  },
);

function post(url: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${url}/thoughts`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
}

interface Finished {
  readonly status: string;
  readonly result: { readonly classification: { readonly type: string } };
}

function finished(url: string, id: string): Promise<Finished> {
  let last: unknown;
  return waitFor(`thought ${id} to finish`, async () => {
    const thought = last = await (await fetch(`${url}/thoughts/${id}`)).json();
    return (thought.status === "completed" || thought.status === "failed") && thought;
  }, { describe: () => last });
}

/** A new folder, named from the repository's root: where `deno task dev` may write. */
async function dataFolder(): Promise<{ readonly path: string } & AsyncDisposable> {
  const path = `.data/test-${crypto.randomUUID()}`;
  await Deno.mkdir(ROOT + path, { recursive: true });
  return { path, [Symbol.asyncDispose]: () => Deno.remove(ROOT + path, { recursive: true }) };
}
