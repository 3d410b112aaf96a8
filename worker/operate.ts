/**
 * `deno task operate`: failures by reason, redrive, cancel, pause and resume; export and forget a user. With
 * `DATABASE_URL` it works on that database; without it, on the API that runs here with an embedded one, or on
 * its folder if none runs.
 */
import "../core/no_environment.ts";
import { Command, InvalidArgumentError } from "commander";
import { loadConfigOrExit } from "../core/config.ts";
import { SETTINGS } from "../core/settings.ts";
import { openDatabase } from "../core/open.ts";
import { createOperator, type Operator, type Outcome } from "../core/store/operator.ts";
import { migrate } from "../core/store/database.ts";
import { isThoughtId } from "../core/thought.ts";
import { toJson } from "../core/thought_json.ts";
import { createLogger } from "../core/telemetry/log.ts";
import { answers, createOperatorClient } from "./operator_client.ts";

/** 1: refused, or unreachable; 4: the thought is unknown or in another state. */
const EXIT = { ok: 0, failed: 1, conflict: 4 } as const;

interface Options {
  readonly url?: string;
  readonly keyFile?: string;
  readonly json: boolean;
}

const program = new Command("operate")
  .description(
    "Inspect failed thoughts, redrive or cancel them, pause and resume the workers; export and forget a user.",
  )
  .option(
    "--url <address>",
    "the API that runs on an embedded database; by default the one on API_PORT of this machine",
  )
  .option("--key-file <path>", "file of an API key with the scope `operate`, for an API that requires keys")
  .option("--json", "one JSON object on stdout", false)
  .addHelpText(
    "after",
    "\nExamples:\n  deno task operate failures\n  deno task operate redrive --reason timeout\n" +
      '  deno task operate pause "the model is being replaced"\n\n' +
      `With ${SETTINGS.databaseUrl.env} set it works on that database; else on the API at --url, or on the folder of an\n` +
      "embedded database that no process has open.",
  );

program.command("failures").description("Count failed thoughts by reason.").action(() =>
  run(async (operator) => {
    const reasons = await operator.failures();
    return {
      json: { reasons },
      text: reasons.length === 0
        ? "No thought has failed"
        : reasons.map(({ reason, thoughts, newestError }) => `${thoughts}  ${reason}  ${newestError ?? ""}`)
          .join("\n"),
    };
  })
);

program.command("redrive")
  .description("Give failed thoughts a full set of new attempts.")
  .option("--id <uuid>", "only this thought", parseId)
  .option("--reason <word>", "only thoughts that failed for this reason")
  .option("--limit <n>", "at most this many, the oldest first", parseLimit, 1_000)
  .action(({ id, reason, limit }: { id?: string; reason?: string; limit: number }) =>
    run(async (operator) => {
      if (id !== undefined) return told(id, await operator.redrive(id));
      const count = await operator.redriveAll({ reason, limit });
      return {
        json: { thoughts: count },
        text: `${count} ${count === 1 ? "thought" : "thoughts"} queued again`,
      };
    })
  );

program.command("cancel").description("End a thought that waits or is being analysed.")
  .argument("<id>", "the thought's id", parseId)
  .action((id: string) => run(async (operator) => told(id, await operator.cancel(id, AUTHOR))));

program.command("export").description("Write every thought of a user to stdout, as JSON lines.")
  .argument("<user>", "the user's id")
  .action((userId: string) =>
    run(async (operator) => {
      let thoughts = 0;
      for await (const thought of operator.thoughtsOf(userId)) {
        // deno-lint-ignore no-console -- the result of a command is for its user
        console.log(JSON.stringify(toJson(thought)));
        thoughts++;
      }
      return { silent: true, json: { thoughts }, text: "" };
    })
  );

program.command("forget").description("Delete every thought of a user, cached analyses included.")
  .argument("<user>", "the user's id")
  .action((userId: string) =>
    run(async (operator) => {
      const thoughts = await operator.forget(userId);
      return { json: { thoughts }, text: `${thoughts} ${thoughts === 1 ? "thought" : "thoughts"} deleted` };
    })
  );

program.command("pause").description("Pause all workers until `resume`, restarts included.")
  .argument("<reason>", "why, for others who find the workers paused")
  .action((reason: string) =>
    run(async (operator) => {
      const pause = await operator.pause(AUTHOR, reason);
      return { json: pause, text: `Paused by ${pause.author} since ${at(pause.since)}: ${pause.reason}` };
    })
  );

program.command("resume").description("End the pause.").action(() =>
  run(async (operator) => {
    const ended = await operator.resume();
    return {
      json: { ended },
      text: ended
        ? `Resumed; ${ended.author} had paused since ${at(ended.since)}`
        : "The workers were not paused",
    };
  })
);

/** The author of an action, where no API key names one. */
const AUTHOR = "command line";

interface Said {
  readonly json: unknown;
  readonly text: string;
  readonly code?: number;
  /** stdout already says it. */
  readonly silent?: true;
}

await program.parseAsync([Deno.execPath(), "operate", ...Deno.args]);

async function run(act: (operator: Operator) => Promise<Said>): Promise<void> {
  const { url, keyFile, json } = program.opts<Options>();
  let code: number = EXIT.ok;
  try {
    await using opened = await open(url, keyFile);
    const said = await act(opened.operator);
    code = said.code ?? EXIT.ok;
    // deno-lint-ignore no-console -- the result of a command is for its user
    if (!said.silent) console.log(json ? JSON.stringify(said.json) : said.text);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    // deno-lint-ignore no-console -- as above
    if (json) console.log(JSON.stringify({ error: message }));
    // deno-lint-ignore no-console -- as above
    else console.error(message);
    code = EXIT.failed;
  }
  Deno.exitCode = code;
}

async function open(
  given?: string,
  keyFile?: string,
): Promise<{ readonly operator: Operator } & AsyncDisposable> {
  const key = keyFile === undefined ? undefined : Deno.readTextFileSync(keyFile).trim();
  const config = loadConfigOrExit();
  const url = given ?? `http://127.0.0.1:${config.apiPort}`;
  if (given !== undefined || (config.databaseUrl === undefined && await answers(url))) {
    return { operator: createOperatorClient({ url, key }), async [Symbol.asyncDispose]() {} };
  }
  const database = await openDatabase(config);
  const quiet = createLogger({
    service: "operate",
    level: "ERROR",
    write: (lines) => Deno.stderr.writeSync(new TextEncoder().encode(lines)),
  });
  await migrate(database, quiet);
  return { operator: createOperator(database), [Symbol.asyncDispose]: () => database[Symbol.asyncDispose]() };
}

function told(id: string, { outcome, status }: Outcome): Said {
  const json = { id, outcome, status };
  switch (outcome) {
    case "done":
      return { json, text: `Thought ${id} is ${status} now` };
    case "already":
      return { json, text: `Thought ${id} is ${status} already` };
    case "conflict":
      return { json, text: `Thought ${id} is ${status}: nothing was changed`, code: EXIT.conflict };
    case "unknown":
      return { json, text: `There is no thought ${id}`, code: EXIT.conflict };
  }
}

function at(ms: number): string {
  return new Date(ms).toISOString();
}

function parseLimit(text: string): number {
  const limit = Number(text);
  if (!Number.isInteger(limit) || limit < 1) {
    throw new InvalidArgumentError("It must be a whole number above 0.");
  }
  return limit;
}

function parseId(text: string): string {
  if (!isThoughtId(text)) {
    throw new InvalidArgumentError("It must be a thought's id, a UUID.");
  }
  return text.toLowerCase();
}
