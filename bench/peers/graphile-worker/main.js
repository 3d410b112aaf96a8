/** The pipeline on graphile-worker: `node main.js api`, `node main.js worker`. */
const { createServer } = require("node:http");
const { randomUUID } = require("node:crypto");
const { run } = require("graphile-worker");
const { Pool } = require("pg");

const pool = new Pool({ connectionString: process.env.DATABASE_URL, max: 10 });

/** The thought and its job, in one statement and so in one transaction. */
const INSERT = {
  name: "insert",
  text: `with stored as (insert into thoughts (id, user_id, text) values ($1, $2, $3) returning id)
    select graphile_worker.add_job('think', json_build_object('id', id)) from stored`,
};
const FINISH = {
  name: "finish",
  text:
    "update thoughts set result = $2, finished_at = clock_timestamp() where id = $1 and finished_at is null",
};

async function post(body) {
  const { user_id, text } = JSON.parse(body);
  if (typeof user_id !== "string" || typeof text !== "string") return undefined;
  const id = randomUUID();
  await pool.query({ ...INSERT, values: [id, user_id, text] });
  return id;
}

/** As its documents tune it for throughput: jobs fetched together, completions written together. */
const preset = {
  worker: {
    concurrentJobs: 24,
    maxPoolSize: 25,
    pollInterval: 2_000,
    localQueue: { size: 500, refetchDelay: { durationMs: 0, threshold: 0 } },
    completeJobBatchDelay: 0,
    failJobBatchDelay: 0,
  },
};

async function main() {
  let ready = false;
  createServer((request, response) => {
    if (request.method !== "POST") return response.writeHead(ready ? 200 : 503).end();
    let body = "";
    request.on("data", (chunk) => body += chunk).on("end", async () => {
      try {
        const id = await post(body);
        const answer = JSON.stringify({ id });
        response.writeHead(id === undefined ? 400 : 201, {
          "content-type": "application/json",
          "content-length": Buffer.byteLength(answer),
        }).end(answer);
      } catch {
        response.writeHead(503, { "content-length": 0 }).end();
      }
    });
  }).listen(Number(process.env.PORT), "127.0.0.1");
  if (process.argv[2] === "worker") {
    await run({
      connectionString: process.env.DATABASE_URL,
      preset,
      noHandleSignals: true,
      taskList: {
        async think({ id }) {
          await pool.query({ ...FINISH, values: [id, '{"summary":""}'] });
        },
      },
    });
  }
  ready = true;
}

process.on("SIGTERM", () => process.exit());
main().catch((error) => {
  console.error(error);
  process.exit(1);
});
