/** The pipeline on pg-boss: `node main.js api`, `node main.js worker`. */
const { createServer } = require("node:http");
const { randomUUID } = require("node:crypto");
const PgBoss = require("pg-boss");
const { Pool } = require("pg");

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
async function post(body) {
  const { user_id, text } = JSON.parse(body);
  if (typeof user_id !== "string" || typeof text !== "string") return undefined;
  const id = randomUUID();
  const client = await pool.connect();
  try {
    await client.query("begin");
    await client.query({ ...INSERT, values: [id, user_id, text] });
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

process.on("SIGTERM", () => process.exit());
main().catch((error) => {
  console.error(error);
  process.exit(1);
});
