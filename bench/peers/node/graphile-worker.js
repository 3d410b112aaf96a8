/** The pipeline on graphile-worker: `node graphile-worker.js api`, `node graphile-worker.js worker`. */
const { randomUUID } = require("node:crypto");
const { run } = require("graphile-worker");
const { Pool } = require("pg");
const { serve } = require("./serve.js");

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

async function store(userId, text) {
  const id = randomUUID();
  await pool.query({ ...INSERT, values: [id, userId, text] });
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
  serve({ store, ready: () => ready });
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

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
