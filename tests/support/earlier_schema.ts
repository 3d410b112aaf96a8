/** The schema as an earlier version made it, with thoughts in every state, to upgrade from. */
import type { Queries } from "../../core/store/database.ts";
import { uuidv7 } from "uuidv7";
import { aResult } from "./thoughts.ts";
import { ROOT } from "./process.ts";

/** What was stored, by what becomes of it. */
export interface EarlierThoughts {
  /** Ids of thoughts that wait or were being analysed when all processes of the earlier version ended. */
  readonly unfinished: readonly string[];
  readonly completed: string;
  readonly failed: string;
}

const FOLDER = `${ROOT}core/store/migrations`;
/** The first version whose outbox has ranks. */
const RANKED = 3;

/** The versions that have a migration, in order. */
export const VERSIONS: readonly number[] = (await Array.fromAsync(Deno.readDir(FOLDER)))
  .map(({ name }) => Number(name.slice(0, 4))).sort((one, other) => one - other);

/** Makes the tables as a program did whose newest version this was. */
export async function makeEarlierSchema({ query }: Queries, newest: number): Promise<void> {
  await query(
    "create table schema_migrations (version int primary key, applied_at timestamptz not null default now())",
  );
  const files = (await Array.fromAsync(Deno.readDir(FOLDER))).map(({ name }) => name).sort();
  for (const name of files) {
    const version = Number(name.slice(0, 4));
    if (version > newest) break;
    const sql = await Deno.readTextFile(`${FOLDER}/${name}`);
    for (const statement of sql.split(/;\s*$/m)) if (statement.trim() !== "") await query(statement);
    await query("insert into schema_migrations (version) values ($1)", [version]);
  }
}

/** Stores thoughts in the tables of a version. */
export async function storeEarlierThoughts({ query }: Queries, version: number): Promise<EarlierThoughts> {
  const add = async (columns: Record<string, string>) => {
    const id = uuidv7();
    // A result repeats a thought's text in its summary: the audit compares the two.
    const text = `Thought ${id} about the garden`;
    const all: Record<string, string> = {
      id: `'${id}'`,
      user_id: "'ada'",
      text: `'${text}'`,
      queued_at: "now() - interval '1 hour'",
      ...columns,
    };
    if (columns.status === "'completed'") all.result = `'${JSON.stringify(aResult(text))}'`;
    await query(`insert into thoughts (${Object.keys(all)}) values (${Object.values(all)})`);
    return id;
  };
  const announce = (id: string, attempts: number, due: string) =>
    query(
      version < RANKED
        ? `insert into outbox (topic, key, value, available_at) values ('thoughts', '${id}', '${id}', ${due})`
        : `insert into outbox (thought_id, attempts, flow, user_id, cost, rank, available_at)
           values ('${id}', ${attempts}, '', 'ada', 1, case when ${due} <= now() then 1 end, ${due})`,
    );

  const due = await add({});
  await announce(due, 0, "now() - interval '1 minute'");
  const retried = await add({ attempts: "2", error: "'no answer'" });
  await announce(retried, 2, "now() + interval '2 seconds'");
  const inKafka = await add({});
  const held = await add({
    status: "'processing'",
    attempts: "1",
    claimed_until: "now() + interval '3 seconds'",
  });
  const abandoned = await add({
    status: "'processing'",
    attempts: "1",
    claimed_until: "now() - interval '1 hour'",
  });
  return {
    unfinished: [due, retried, inKafka, held, abandoned],
    completed: await add({ status: "'completed'", attempts: "1", finished_at: "now()" }),
    failed: await add({ status: "'failed'", attempts: "5", error: "'no answer'", finished_at: "now()" }),
  };
}
