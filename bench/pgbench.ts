/**
 * How many thoughts a second the PostgreSQL carries by itself: pgbench repeats what API and worker send it for
 * a batch of thoughts, from accepted to completed.
 */
import { createClaims } from "../core/store/claims.ts";
import { type Database, migrate, type Parameter, type Queries } from "../core/store/database.ts";
import { createOutbox } from "../core/store/outbox.ts";
import { openPostgres } from "../core/store/postgres.ts";
import { createStore } from "../core/store/thoughts.ts";
import { createLogger } from "../core/telemetry/log.ts";
import { freshDatabase } from "../tests/support/services.ts";
import { aResult, aThought } from "../tests/support/thoughts.ts";
import { openDatabaseServer, type UsagePer1000, usagePer1000 } from "./database_server.ts";

/** So many clients, each with batches of so many thoughts. */
export interface Carried {
  readonly clients: number;
  readonly batch: number;
  readonly perSecond: number;
  /** What PostgreSQL took; absent if that cannot be read here. */
  readonly database?: UsagePer1000;
}

export interface PgbenchOptions {
  /** How long each run takes. */
  readonly seconds: number;
  readonly onStep: (step: string) => void;
}

interface Sent {
  readonly sql: string;
  readonly parameters: readonly Parameter[];
}

const CLIENTS = [1, 4, 16];
/** One: a thought that comes alone. Twenty and more: what gathers while the last commit is under way. */
const BATCHES = [1, 20, 100];
const LEASE_MS = 60_000;
const RESULT = JSON.stringify(aResult());

/** In the order of creation, as the API's are. */
const NEW_ID = `(lpad(to_hex((extract(epoch from clock_timestamp()) * 1000)::bigint), 12, '0') ||
  substr(replace(gen_random_uuid()::text, '-', ''), 13))::uuid`;

/** @throws {Error} when pgbench is missing or fails, or a thought of its runs was not completed */
export async function measurePgbench(
  serverUrl: string,
  { seconds, onStep }: PgbenchOptions,
): Promise<readonly Carried[]> {
  await using stack = new AsyncDisposableStack();
  const { url } = stack.use(await freshDatabase(serverUrl));
  const database = stack.use(openPostgres({ url }));
  await migrate(database, createLogger({ service: "bench", level: "ERROR" }));
  const server = await openDatabaseServer(url);
  stack.defer(() => server?.[Symbol.asyncDispose]());
  const folder = await Deno.makeTempDir();
  stack.defer(() => Deno.remove(folder, { recursive: true }));

  const runs: Carried[] = [];
  for (const batch of BATCHES) {
    await database.query("truncate thoughts, outbox");
    const script = `${folder}/${batch}.sql`;
    await Deno.writeTextFile(script, toScript(await recordOne(database, batch)));
    for (const clients of CLIENTS) {
      onStep(`pgbench, ${clients} × ${batch}`);
      await database.query("truncate thoughts, outbox");
      await database.query("checkpoint");
      const before = await server?.usage();
      const startedAt = performance.now();
      const transactions = await pgbench(url, { script, clients, seconds });
      const elapsedS = (performance.now() - startedAt) / 1_000;
      const after = await server?.usage();
      const thoughts = transactions * batch;
      const [row] = await database.query<{ n: number }>(
        "select count(*)::int as n from thoughts where status = 'completed'",
      );
      if (row!.n !== thoughts) throw new Error(`pgbench sent ${thoughts} thoughts, ${row!.n} were completed`);
      runs.push({
        clients,
        batch,
        perSecond: thoughts / elapsedS,
        ...(before && { database: usagePer1000(before, after!, thoughts) }),
      });
    }
  }
  return runs;
}

/** The statements of a batch's way through the database, as API and worker send them, and its thoughts' ids. */
async function recordOne(database: Database, batch: number) {
  const sent: Sent[] = [];
  const recording = (queries: Queries): Queries => ({
    query(sql, parameters = []) {
      sent.push({ sql, parameters });
      return queries.query(sql, parameters);
    },
  });
  const recorded: Database = {
    ...database,
    ...recording(database),
    transaction: (run, options) => database.transaction((tx) => run(recording(tx)), options),
  };
  const thoughts = Array.from({ length: batch }, (_, n) => aThought({ userId: `user ${n}` }));
  const ids = thoughts.map(({ id }) => id);
  await createStore(recorded).insert(thoughts);
  await createOutbox(recorded).take(batch, () => Promise.resolve());
  const claims = createClaims(recorded, { leaseMs: LEASE_MS, maxAttempts: 5 });
  const claimed = await claims.claim(ids);
  await claims.complete(claimed.map(({ id, attempt }) => ({ id, attempt, result: RESULT })));
  return { sent, ids };
}

/**
 * A script for pgbench, each of whose transactions has new ids. It makes the parameters in the server, since
 * pgbench knows no texts; they are part of what is measured.
 */
function toScript(
  { sent, ids }: { readonly sent: readonly Sent[]; readonly ids: readonly string[] },
): string {
  const lines = [
    `select array_agg(${NEW_ID})::text as ids from generate_series(1, ${ids.length}) \\gset`,
  ];
  let count = 0;
  for (const { sql, parameters } of sent) {
    const names = parameters.map(() => `p${count++}`);
    const columns = parameters.map((parameter, at) => `${expression(parameter, ids)} as ${names[at]}`);
    if (columns.length > 0) lines.push(`select ${columns.join(", ")} \\gset`);
    lines.push(`${sql.replaceAll(/\$(\d+)/g, (_, n) => `:${names[Number(n) - 1]}`)};`);
  }
  return lines.join("\n");
}

/** SQL that makes a parameter for new ids; `:ids` has them, in the order of the old ones. */
function expression(parameter: Parameter, ids: readonly string[]): string {
  if (typeof parameter !== "string") return String(parameter);
  if (!ids.some((id) => parameter.includes(id))) return literal(parameter);
  if (!parameter.startsWith("[")) return `(:ids)::text`;
  return `(select jsonb_agg(o.item || jsonb_build_object('id', i.id) order by n)::text
    from jsonb_array_elements(${literal(parameter)}::jsonb) with ordinality o(item, n)
    join unnest((:ids)::uuid[]) with ordinality i(id, n) using (n))`;
}

/** pgbench takes a colon before a name for a variable of its own, even in a text. */
function literal(text: string): string {
  return `'${text.replaceAll("'", "''").replaceAll(/:(?=\w)/g, ": ")}'`;
}

/** @returns how many transactions were committed */
async function pgbench(
  url: string,
  { script, clients, seconds }: {
    readonly script: string;
    readonly clients: number;
    readonly seconds: number;
  },
): Promise<number> {
  const args = ["--no-vacuum", "--protocol=prepared", `--file=${script}`, `--client=${clients}`];
  let output: Deno.CommandOutput;
  try {
    output = await new Deno.Command("pgbench", { args: [...args, `--time=${seconds}`, url] }).output();
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new Error("pgbench was not found. Install PostgreSQL's client programs, or extend PATH.");
  }
  const [stdout, stderr] = [output.stdout, output.stderr].map((bytes) => new TextDecoder().decode(bytes));
  const transactions = /number of transactions actually processed: (\d+)/.exec(stdout!)?.[1];
  if (!output.success || transactions === undefined) throw new Error(`pgbench failed: ${stderr!.trim()}`);
  return Number(transactions);
}
