import { Command, CommanderError, InvalidArgumentError } from "commander";
import { EXIT, EXIT_MEANING } from "./failure.ts";
import { MAX_WORKERS, type Service, SERVICES } from "./services.ts";

export type Verb = "up" | "status" | "verify" | "urls" | "logs" | "doctor" | "drill" | "down";

/** What the command line asks for. What a verb has no flag for stands at its default. */
export interface Asked {
  verb: Verb;
  json: boolean;
  timeoutMs: number;
  workers?: number;
  /** Undefined when not said: then what the last `up` left out. */
  without?: string[];
  verify: boolean;
  build: boolean;
  open: boolean;
  volumes: boolean;
  follow: boolean;
  service?: string;
  drill?: string;
  fast: boolean;
}

/** Help, the version or a complaint: nothing to do but to print it. */
export interface Said {
  text: string;
  code: number;
}

const DEFAULT_TIMEOUT = "180s";

/** Parses the command line. Neither prints nor exits. */
export function parseArguments(args: readonly string[], command: string, version: string): Asked | Said {
  let asked: Asked | undefined;
  let text = "";
  const program = describe(command, version, (verb, flags, named) => asked = toAsked(verb, flags, named));
  for (const each of [program, ...program.commands]) {
    each.exitOverride().configureOutput({ writeOut: (t) => text += t, writeErr: (t) => text += t });
  }
  try {
    program.parse([...args], { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return { text, code: EXIT.fine };
    const [first = ""] = args;
    // The default verb takes a word that is no verb for a surplus argument of its own.
    const unknown = error.code === "commander.excessArguments" &&
      program.commands.every((c) => c.name() !== first);
    const complaint = unknown ? `error: there is no verb "${first}"` : text.trimEnd();
    return { text: `${complaint}\nSee: ${command} --help\n`, code: EXIT.usage };
  }
  return asked ?? { text: program.helpInformation(), code: EXIT.usage };
}

interface Flags {
  json?: boolean;
  timeout?: number;
  workers?: number;
  without?: string[];
  verify?: boolean;
  build?: boolean;
  open?: boolean;
  volumes?: boolean;
  follow?: boolean;
  fast?: boolean;
}

/** What a verb is about, where it takes a name. */
type Named = Pick<Asked, "service" | "drill">;
type Take = (verb: Verb, flags: Flags, named?: Named) => void;

function describe(command: string, version: string, take: Take): Command {
  const program = new Command(command)
    .description("Starts Thought Processor with everything that watches it, and proves that it works.")
    .version(version)
    .helpOption("-h, --help", "show this help")
    .helpCommand(false)
    .showHelpAfterError(false)
    .addHelpText("after", `${examples(command)}\n${exitCodes()}`);
  const verb = (name: Verb, does: string, options?: { isDefault: boolean }) =>
    program.command(name, options ?? {}).description(does).option("--json", "one JSON object on stdout")
      .helpOption("-h, --help", "show this help");

  withSelection(verb("up", "start, wait until all is healthy, prove it, show the addresses (default)", {
    isDefault: true,
  }))
    .option(
      "--timeout <duration>",
      `how long services may take to become healthy (${DEFAULT_TIMEOUT})`,
      duration,
    )
    .option("--workers <number>", `worker replicas, 1 to ${MAX_WORKERS} (as in .env, or 3)`, workers)
    .option("--no-verify", "do not send the proof thought")
    .option("--no-build", "use the image as it is")
    .option("--open", "open the dashboards in the browser")
    .action((flags) => take("up", flags));
  withSelection(verb("status", "each service: running, healthy, since when"))
    .action((flags) => take("status", flags));
  withSelection(verb("verify", "prove the running stack again"))
    .option("--open", "open the proof thought's trace in the browser")
    .action((flags) => take("verify", flags));
  verb("urls", "addresses and logins").action((flags) => take("urls", flags));
  verb("logs", "what a service (or every one) says").argument("[service]", "as in `status`")
    .option("-f, --follow", "go on as more comes")
    .action((service, flags) => take("logs", flags, service && { service }));
  withSelection(verb("doctor", "is everything there that the stack needs?"))
    .action((flags) => take("doctor", flags));
  verb("drill", "break something on purpose, and see its alert come and go").argument(
    "[name]",
    "none: list them",
  )
    .option("--fast", "against a second Prometheus with shortened rules: two minutes at most")
    .action((drill, flags) => take("drill", flags, drill && { drill }));
  verb("down", "stop and remove the containers; data stays")
    .option("--volumes", "delete the data too: thoughts, metrics, logs, traces")
    .action((flags) => take("down", flags));
  return program;
}

function withSelection(command: Command): Command {
  return command.option(
    "--without <services>",
    "leave these out, separated by commas",
    (text) => text.split(","),
  );
}

function toAsked(verb: Verb, flags: Flags, named: Named = {}): Asked {
  return {
    verb,
    json: flags.json ?? false,
    timeoutMs: flags.timeout ?? duration(DEFAULT_TIMEOUT),
    ...(flags.workers !== undefined && { workers: flags.workers }),
    ...(flags.without && { without: flags.without.map((name) => name.trim()).filter(Boolean) }),
    verify: flags.verify ?? true,
    build: flags.build ?? true,
    open: flags.open ?? false,
    volumes: flags.volumes ?? false,
    follow: flags.follow ?? false,
    fast: flags.fast ?? false,
    ...named,
  };
}

/** "90s", "3m" or "500ms". @returns milliseconds */
function duration(text: string): number {
  const [, number, unit = "s"] = /^(\d+)(ms|s|m)?$/.exec(text) ?? [];
  const ms = Number(number) * { ms: 1, s: 1000, m: 60_000 }[unit as "ms" | "s" | "m"];
  if (ms > 0) return ms;
  throw new InvalidArgumentError("Give a duration such as 90s or 3m.");
}

function workers(text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count >= 1 && count <= MAX_WORKERS) return count;
  throw new InvalidArgumentError(`Give a number from 1 to ${MAX_WORKERS}: that many ports are published.`);
}

function examples(command: string): string {
  return `
Examples:
  ${command}                                  everything, from nothing to proof
  ${command} --without tempo,grafana          less memory; starts and proves the rest
  ${command} up --workers 5 --timeout 5m
  ${command} verify --json                    for CI: exit code and evidence
  ${command} logs kafka-worker --follow
  ${command} drill redis-down --fast          does the alert come, and go?
  ${command} down --volumes                   leave nothing behind

Can be left out: ${(SERVICES as readonly Service[]).filter((s) => !s.core).map((s) => s.name).join(", ")}
`;
}

function exitCodes(): string {
  const rows = Object.entries(EXIT).map(([name, code]) =>
    `  ${String(code).padStart(3)}  ${EXIT_MEANING[name as keyof typeof EXIT]}`
  );
  return `Exit codes:\n${rows.join("\n")}\n`;
}
