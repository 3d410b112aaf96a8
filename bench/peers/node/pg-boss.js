/** The pipeline on pg-boss: `node pg-boss.js api`, `node pg-boss.js worker`. */
const { randomUUID } = require("node:crypto");
const PgBoss = require("pg-boss");
const { Pool } = require("pg");
const { serve } = require("./serve.js");

const QUEUE = "think";
const pool = new Pool({ connectionString: process.env.DATABASE_URL, max: 10 });
const boss = new PgBoss({ connectionString: process.env.DATABASE_URL, max: 10 });
boss.on("error", (error) => console.error(error));

const INSERT = { name: "insert", text: "insert into thoughts (id, user_id, text) values ($1, $2, $3)" };
const FINISH = {
  name: "finish",
  text: `update thoughts set result = $2, finished_at = clock_timestamp()
    where id = any($1::uuid[]) and finished_at is null`,
};

/** The thought and its job in one transaction. */
async function store(userId, text) {
  const id = randomUUID();
  const client = await pool.connect();
  try {
    await client.query("begin");
    await client.query({ ...INSERT, values: [id, userId, text] });
    await boss.send(QUEUE, { id }, { db: { executeSql: (text, values) => client.query(text, values) } });
    await client.query("commit");
    client.release();
  } catch (error) {
    client.release(error);
    throw error;
  }
  return id;
}

async function main() {
  let ready = false;
  serve({ store, ready: () => ready });
  await boss.start();
  await boss.createQueue(QUEUE);
  if (process.argv[2] === "worker") {
    // The shortest interval that it takes; batches as large as its documents show.
    for (let n = 0; n < 4; n++) {
      await boss.work(QUEUE, { batchSize: 500, pollingIntervalSeconds: 0.5 }, async (jobs) => {
        await pool.query({ ...FINISH, values: [jobs.map(({ data }) => data.id), '{"summary":""}'] });
      });
    }
  }
  ready = true;
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
