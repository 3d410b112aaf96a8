/**
 * The same pipeline on other job queues, each a short program of its own in `peers/`, beside ours: a thought is
 * posted, stored, handed to a worker in another process, and its result stored.
 */
import postgres from "postgres";
import { freePort } from "../tests/support/free_port.ts";
import { freshDatabase } from "../tests/support/services.ts";
import { waitFor } from "../tests/support/wait.ts";
import { measureAcceptance } from "./accept.ts";
import { measureEndToEnd } from "./end_to_end.ts";
import { measure, type MeasuredProcess } from "./measured_process.ts";
import { openDatabaseServer, type UsagePer1000, usagePer1000 } from "./database_server.ts";
import type { Stores } from "./stores.ts";

/** The middle of all rounds. */
export interface Peer {
  readonly acceptedPerSecond: number;
  readonly completedPerSecond: number;
  /** From POST to the stored result, at 100 thoughts a second. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** CPU time for a thousand thoughts: of API and worker together, and of PostgreSQL. */
  readonly cpuMsPer1000: number;
  readonly database: UsagePer1000 | undefined;
  /** The peak of resident memory, of API and worker together. */
  readonly peakMemoryBytes: number;
}

export type Peers = Readonly<Record<string, Peer>>;

/** A process pair to measure: an API, and one worker. */
interface Pair extends AsyncDisposable {
  readonly api: MeasuredProcess;
  readonly worker: MeasuredProcess;
}

export interface PeersOptions {
  readonly seconds: number;
  readonly warmUpS: number;
  readonly connections: number;
  readonly startApi: (databaseUrl: string) => Promise<MeasuredProcess>;
  readonly startWorker: (databaseUrl: string) => Promise<MeasuredProcess>;
  readonly onStep: (step: string) => void;
}

const FOLDER = new URL("peers/", import.meta.url).pathname;
/** Where their packages are installed, below the folder that git ignores. */
const INSTALLED = new URL("../.data/peers/", import.meta.url).pathname;
const ROUNDS = 3;
const PER_SECOND = 100;

interface Program {
  /** Its folder below `peers/`, installed once for all programs in it. */
  readonly folder: string;
  /** What it needs on this machine. */
  readonly needs: string;
  readonly install: readonly (readonly string[])[];
  readonly run: readonly string[];
}

const node = { folder: "node", needs: "npm", install: [["npm", "install", "--silent", "--no-audit"]] };
const PROGRAMS: Readonly<Record<string, Program>> = {
  "graphile-worker": { ...node, run: ["node", "graphile-worker.js"] },
  "pg-boss": { ...node, run: ["node", "pg-boss.js"] },
  river: {
    folder: "river",
    needs: "go",
    install: [["go", "build", "-o", "river", "."]],
    run: ["./river"],
  },
  python: {
    folder: "python",
    needs: "python3",
    install: [["python3", "-m", "venv", "venv"], [
      "venv/bin/pip",
      "install",
      "--quiet",
      "-r",
      "requirements.txt",
    ]],
    run: ["venv/bin/python", "main.py"],
  },
};
const OURS = "this project";

/** Installs what is missing, and measures all in turn, three times. A peer that cannot be installed is left out. */
export async function measurePeers(
  services: NonNullable<Stores["services"]>,
  options: PeersOptions,
): Promise<Peers> {
  const { onStep } = options;
  const names = [OURS];
  for (const [name, program] of Object.entries(PROGRAMS)) {
    onStep(`installing ${name}`);
    if (await install(program)) names.push(name);
    else onStep(`${name} is left out: it needs ${program.needs}, and its packages`);
  }
  const rounds = new Map<string, Peer[]>(names.map((name) => [name, []]));
  for (let round = 1; round <= ROUNDS; round++) {
    for (const name of names) {
      onStep(`${name}, round ${round} of ${ROUNDS}`);
      await using database = await freshDatabase(services.databaseUrl);
      await using pair = name === OURS
        ? await startOurs(database.url, options)
        : await startPeer(name, { ...services, databaseUrl: database.url });
      rounds.get(name)!.push(await measurePair(pair, database.url, options));
    }
  }
  return Object.fromEntries([...rounds].map(([name, all]) => [name, middleOf(all)]));
}

async function measurePair(
  { api, worker }: Pair,
  databaseUrl: string,
  { seconds, warmUpS, connections }: PeersOptions,
): Promise<Peer> {
  await using server = await openDatabaseServer(databaseUrl);
  const sql = postgres(databaseUrl, { max: 1, fetch_types: false, onnotice() {} });
  try {
    await measureEndToEnd(api, databaseUrl, { perSecond: PER_SECOND, seconds: warmUpS });
    const wholeWay = await measureEndToEnd(api, databaseUrl, { perSecond: PER_SECOND, seconds });
    const cpuBefore = api.cpuS() + worker.cpuS();
    const serverBefore = await server?.usage();
    worker.signal("SIGSTOP");
    const accepted = await measureAcceptance(api, { seconds, warmUpS, connections });
    const count = accepted.accepted + accepted.warmUp;
    await sql.unsafe("checkpoint");
    const startedAt = Date.now();
    worker.signal("SIGCONT");
    await waitFor("every thought has its result", async () => {
      const [row] = await sql.unsafe(
        "select exists (select from thoughts where finished_at is null) as open",
      );
      return !row!.open;
    }, { timeoutMs: 300_000 });
    const [last] = await sql.unsafe(
      "select extract(epoch from max(finished_at))::float8 * 1000 as at from thoughts",
    );
    return {
      acceptedPerSecond: accepted.perSecond,
      completedPerSecond: count / (last!.at - startedAt) * 1_000,
      p50Ms: wholeWay.p50Ms,
      p99Ms: wholeWay.p99Ms,
      cpuMsPer1000: (api.cpuS() + worker.cpuS() - cpuBefore) / count * 1e6,
      database: serverBefore && usagePer1000(serverBefore, await server!.usage(), count),
      peakMemoryBytes: api.peakMemoryBytes() + worker.peakMemoryBytes(),
    };
  } finally {
    await sql.end();
  }
}

async function startOurs(databaseUrl: string, { startApi, startWorker }: PeersOptions): Promise<Pair> {
  await using stack = new AsyncDisposableStack();
  const api = stack.use(await startApi(databaseUrl));
  const worker = stack.use(await startWorker(databaseUrl));
  const owned = stack.move();
  return { api, worker, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

async function startPeer(
  name: string,
  { databaseUrl, kafkaBrokers }: NonNullable<Stores["services"]>,
): Promise<Pair> {
  const sql = postgres(databaseUrl, { max: 1, fetch_types: false, onnotice() {} });
  await sql.unsafe(await Deno.readTextFile(`${FOLDER}schema.sql`));
  await sql.end();
  const env = {
    DATABASE_URL: databaseUrl,
    KAFKA_BROKERS: kafkaBrokers,
    TOPIC: `peer-${crypto.randomUUID()}`,
  };
  await using stack = new AsyncDisposableStack();
  const api = stack.use(await startProgram(name, "api", env));
  const worker = stack.use(await startProgram(name, "worker", env));
  const owned = stack.move();
  return { api, worker, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

async function startProgram(
  name: string,
  role: "api" | "worker",
  env: Readonly<Record<string, string>>,
): Promise<MeasuredProcess> {
  const port = freePort();
  const { folder, run: [command, ...args] } = PROGRAMS[name]!;
  const cwd = `${INSTALLED}${folder}`;
  const child = new Deno.Command(command!.includes("/") ? `${cwd}/${command}` : command!, {
    args: [...args, role],
    cwd,
    env: { ...env, PORT: String(port) },
    stdin: "null",
    stdout: "null",
    stderr: "inherit",
  }).spawn();
  const measured: MeasuredProcess = {
    url: `http://127.0.0.1:${port}`,
    ...measure(child.pid),
    signal: (signal) => child.kill(signal),
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.status;
    },
  };
  try {
    await waitFor(`${name} ${role} is ready`, async () => {
      const response = await fetch(`${measured.url}/health/ready`);
      await response.body?.cancel();
      return response.ok;
    });
  } catch (error) {
    await measured[Symbol.asyncDispose]();
    throw error;
  }
  return measured;
}

/** @returns whether it is installed */
async function install(program: Program): Promise<boolean> {
  const cwd = `${INSTALLED}${program.folder}`;
  await Deno.mkdir(cwd, { recursive: true });
  for await (const { name: file } of Deno.readDir(`${FOLDER}${program.folder}`)) {
    await Deno.copyFile(`${FOLDER}${program.folder}/${file}`, `${cwd}/${file}`);
  }
  for (const [command, ...args] of program.install) {
    try {
      const path = command!.includes("/") ? `${cwd}/${command}` : command!;
      const { success } = await new Deno.Command(path, {
        args,
        cwd,
        stdin: "null",
        stdout: "null",
        stderr: "inherit",
      })
        .output();
      if (!success) return false;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return false;
      throw error;
    }
  }
  return true;
}

function middleOf(rounds: readonly Peer[]): Peer {
  const middle = (pick: (peer: Peer) => number) =>
    rounds.map(pick).sort((a, b) => a - b)[Math.floor(rounds.length / 2)]!;
  return {
    acceptedPerSecond: middle((peer) => peer.acceptedPerSecond),
    completedPerSecond: middle((peer) => peer.completedPerSecond),
    p50Ms: middle((peer) => peer.p50Ms),
    p99Ms: middle((peer) => peer.p99Ms),
    cpuMsPer1000: middle((peer) => peer.cpuMsPer1000),
    database: rounds[0]!.database && {
      cpuMs: middle((peer) => peer.database!.cpuMs),
      walBytes: middle((peer) => peer.database!.walBytes),
    },
    peakMemoryBytes: middle((peer) => peer.peakMemoryBytes),
  };
}
