/** The launcher's command line. */
import { Command, CommanderError, Option } from "commander";
import {
  address,
  clusterService,
  duration,
  metricsUrl,
  mix,
  projectName,
  rate,
  serviceName,
  workers,
} from "./cli_values.ts";
import { type Part, PARTS } from "./cluster/find_services.ts";
import { EXIT, EXIT_MEANING } from "./failure.ts";
import { ADDRESSES, type Installation } from "./installation.ts";
import { MAX_WORKERS, OPTIONAL } from "./services.ts";
import { DEFAULT_MIX, KINDS, type Mix } from "./traffic/mix.ts";

export type Verb =
  | "up"
  | "status"
  | "verify"
  | "urls"
  | "logs"
  | "doctor"
  | "drill"
  | "traffic"
  | "adopt"
  | "down"
  | "uninstall";

/** What the command line asks for. Flags that a verb does not have keep their defaults. */
export interface Options {
  readonly verb: Verb;
  readonly json: boolean;
  readonly timeoutMs: number;
  readonly workers?: number;
  /** A name of its own for this folder's stack. */
  readonly project?: string;
  /** Undefined if not given: then the services that the last `up` left out. */
  readonly without?: readonly string[];
  readonly verify: boolean;
  readonly build: boolean;
  readonly open: boolean;
  readonly volumes: boolean;
  readonly follow: boolean;
  readonly service?: string;
  readonly drill?: string;
  readonly fast: boolean;
  /** Of `drill`: how long the fault lasts at least. */
  readonly holdMs: number;
  /** Of `verify`: an installation that is not Compose's. */
  readonly installation?: Installation;
  readonly adopt: Adoption;
  readonly traffic: {
    readonly perSecond: number;
    readonly forMs: number;
    readonly mix: Mix;
  };
}

/** What `adopt` has to do; without any, it lists. */
export interface Adoption {
  /** Address of the service's metrics. */
  readonly url?: URL;
  readonly name?: string;
  /** Name of a service to remove. */
  readonly remove?: string;
  /** Whether to publish Tempo's OTLP ports on loopback. */
  readonly otlp: boolean;
}

/** Help, the version or an error: only printed. */
export interface Message {
  readonly text: string;
  readonly code: number;
}

const DEFAULT_TIMEOUT = "180s";
const DEFAULT_RATE = "5/s";
const DEFAULT_TRAFFIC = "10m";

/** Parses the command line. Neither prints nor exits. */
export function parseArguments(
  args: readonly string[],
  command: string,
  version: string,
): Options | Message {
  let options: Options | undefined;
  let text = "";
  const program = describe(command, version, (verb, flags, named) => options = toOptions(verb, flags, named));
  for (const each of [program, ...program.commands]) {
    each.exitOverride().configureOutput({ writeOut: (t) => text += t, writeErr: (t) => text += t });
  }
  try {
    program.parse(withVerb(args), { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return { text, code: EXIT.ok };
    return { text: `${text.trimEnd()}\nSee: ${command} --help\n`, code: EXIT.usage };
  }
  return options ?? { text: program.helpInformation(), code: EXIT.usage };
}

/** Without a verb it is `up`; `--help` and `--version` alone are the program's. */
function withVerb(args: readonly string[]): string[] {
  const [first = "up"] = args;
  const isProgramFlag = ["-h", "--help", "-V", "--version"].includes(first);
  return args.length === 0 || (first.startsWith("-") && !isProgramFlag) ? ["up", ...args] : [...args];
}

interface Flags {
  readonly json?: boolean;
  readonly timeout?: number;
  readonly workers?: number;
  readonly project?: string;
  readonly without?: readonly string[];
  readonly verify?: boolean;
  readonly build?: boolean;
  readonly open?: boolean;
  readonly volumes?: boolean;
  readonly follow?: boolean;
  readonly fast?: boolean;
  readonly rate?: number;
  readonly for?: number;
  readonly mix?: Mix;
  readonly name?: string;
  readonly remove?: string;
  readonly otlp?: boolean;
  readonly url?: string;
  readonly context?: string;
  readonly namespace?: string;
  readonly prometheus?: string;
  readonly alertmanager?: string;
  readonly grafana?: string;
  readonly loki?: string;
  readonly tempo?: string;
  readonly keyFile?: string;
  readonly grafanaLoginFile?: string;
  readonly prometheusUrl?: string;
  readonly alertmanagerUrl?: string;
  readonly grafanaUrl?: string;
  readonly lokiUrl?: string;
  readonly tempoUrl?: string;
}

/** The argument that some verbs take. */
type Named = Pick<Options, "service" | "drill"> & { readonly url?: URL };
type Take = (verb: Verb, flags: Flags, named?: Named) => void;

function describe(command: string, version: string, take: Take): Command {
  const program: Command = new Command(command)
    .description("Starts Thought Processor with its whole monitoring, and proves that it works.")
    .version(version)
    .helpOption("-h, --help", "show this help")
    .helpCommand(false)
    .showHelpAfterError(false);
  const verb = (name: Verb, does: string) =>
    program.command(name).description(does).option("--json", "one JSON object on stdout")
      .helpOption("-h, --help", "show this help");

  const up = withSelection(
    verb("up", "start, wait until all is healthy, prove it, show the addresses (default)"),
  )
    .option(
      "--timeout <duration>",
      `how long services may take to become healthy (${DEFAULT_TIMEOUT})`,
      duration,
    )
    .option("--workers <number>", `worker replicas, 1 to ${MAX_WORKERS} (as in .env, or 3)`, workers)
    .option("--project <name>", "a separate stack beside another, with free ports", projectName)
    .option("--no-verify", "do not send the proof thought")
    .option("--no-build", "use the existing image")
    .option("--open", "open the dashboards in the browser")
    .action((flags) => take("up", flags));
  withSelection(verb("status", "each service: running, healthy, since when"))
    .action((flags) => take("status", flags));
  withInstallation(
    withSelection(verb("verify", "prove the running stack again, or an installation elsewhere")),
  )
    .option("--open", "open the proof thought's trace in the browser")
    .action((flags: Flags, command: Command) => {
      const { url, context } = flags;
      if (url === undefined && context === undefined) {
        const given = command.options.find((option) =>
          ELSEWHERE.includes(option.long!) && flags[option.attributeName() as keyof Flags] !== undefined
        );
        if (given) {
          command.error(
            `error: option '${given.long}' is of an installation elsewhere: give --url or --context`,
          );
        }
      }
      take("verify", flags);
    });
  verb("urls", "addresses and logins").action((flags) => take("urls", flags));
  verb("logs", "the last lines of a service, or of all").argument("[service]")
    .option("-f, --follow", "continue with new lines")
    .action((service, flags) => take("logs", flags, service && { service }));
  withSelection(verb("doctor", "check that everything the stack needs is there"))
    .action((flags) => take("doctor", flags));
  verb("drill", "break something on purpose, and watch its alert fire and resolve")
    .argument("[name]", "none: list them")
    .option("--fast", "against a second Prometheus with shortened rules: two minutes at most")
    .option("--for <duration>", "how long it stays broken at least, to see what else is reported", duration)
    .action((drill, flags) => take("drill", flags, drill && { drill }));
  verb("traffic", "use the API as people do, to make the dashboards move")
    .option("--rate <rate>", `requests, as 5/s or 30/m (${DEFAULT_RATE})`, rate)
    .option("--for <duration>", `how long (${DEFAULT_TRAFFIC}); Ctrl-C stops it and cleans up`, duration)
    .option("--mix <shares>", `such as fresh=5,bad=1 of: ${KINDS.join(", ")}`, mix)
    .action((flags) => take("traffic", flags));
  verb("adopt", "watch a service of your own: its job, its alerts and its dashboard; none: list them")
    .argument("[url]", "address of its metrics, such as http://localhost:3000/metrics", metricsUrl)
    .option("--name <name>", "name of its job, dashboard, log lines and traces", serviceName)
    .option("--otlp", "publish OTLP on 127.0.0.1:4317 and :4318, for its traces")
    .option("--remove <name>", "remove one, or otlp", serviceName)
    .action((url, flags) => take("adopt", flags, url && { url }));
  verb("down", "stop and remove the containers; the data is kept")
    .option("--volumes", "delete the data too: thoughts, metrics, logs, traces")
    .action((flags) => take("down", flags));
  verb("uninstall", "remove everything: containers, data, our image, and a packed launcher's files")
    .action((flags) => take("uninstall", flags));
  return program.addHelpText("after", `\n${flagsOf(up)}\n${examples(command)}\n${exitCodes()}`);
}

function withSelection(command: Command): Command {
  return command.option(
    "--without <services>",
    "leave these out, separated by commas; may be repeated",
    (text, before: readonly string[] = []) => [...before, ...text.split(",")],
  );
}

/**
 * The addresses of an installation that is not Compose's, each of which may come from the environment as well, or
 * the cluster in which its services are found.
 */
function withInstallation(command: Command): Command {
  for (const [service, { flag, variable }] of Object.entries(ADDRESSES)) {
    const what = service === "api"
      ? "of the API of an installation elsewhere, such as a cluster"
      : `its ${service}'s`;
    command.addOption(new Option(`${flag} <url>`, what).env(variable).argParser(address));
  }
  command
    .addOption(
      new Option("--context <name>", "of kubectl: a cluster with a release of the chart, by port-forward")
        .conflicts("url"),
    )
    .addOption(new Option("--namespace <name>", "of that release, if there are several").conflicts("url"));
  for (const part of Object.keys(PARTS)) {
    command.addOption(
      new Option(`--${part} <service>`, `the cluster's ${part}, as NAMESPACE/NAME:PORT, if not found`)
        .conflicts("url").argParser(clusterService),
    );
  }
  return command
    .addOption(new Option("--key-file <path>", "a file with its API key").env("VERIFY_KEY_FILE"))
    .addOption(
      new Option("--grafana-login-file <path>", "a file with user:password of its Grafana")
        .env("VERIFY_GRAFANA_LOGIN_FILE"),
    );
}

/** Flags that mean something only beside `--url` or `--context`. */
const ELSEWHERE = [
  "--namespace",
  ...Object.keys(PARTS).map((part) => `--${part}`),
  ...Object.values(ADDRESSES).map(({ flag }) => flag),
];

function installationOf(flags: Flags): Installation | undefined {
  const { url, context, namespace, keyFile, grafanaLoginFile } = flags;
  if (url === undefined && context === undefined) return undefined;
  const { prometheusUrl, alertmanagerUrl, grafanaUrl, lokiUrl, tempoUrl } = flags;
  const others = {
    prometheus: prometheusUrl,
    alertmanager: alertmanagerUrl,
    grafana: grafanaUrl,
    loki: lokiUrl,
    tempo: tempoUrl,
  };
  const isGiven = ([, value]: readonly [string, string | undefined]) => value !== undefined;
  const services = (Object.keys(PARTS) as Part[]).map((part) => [part, flags[part]] as const).filter(isGiven);
  return {
    addresses: Object.fromEntries(Object.entries({ api: url, ...others }).filter(isGiven)),
    ...(context !== undefined && {
      cluster: {
        context,
        ...(namespace !== undefined && { namespace }),
        services: Object.fromEntries(services),
      },
    }),
    ...(keyFile !== undefined && { keyFile }),
    ...(grafanaLoginFile !== undefined && { grafanaLoginFile }),
  };
}

function toOptions(verb: Verb, flags: Flags, { url, ...named }: Named = {}): Options {
  const installation = installationOf(flags);
  return {
    verb,
    json: flags.json ?? false,
    timeoutMs: flags.timeout ?? duration(DEFAULT_TIMEOUT),
    ...(flags.workers !== undefined && { workers: flags.workers }),
    ...(flags.project !== undefined && { project: flags.project }),
    ...(flags.without && { without: flags.without.map((name) => name.trim()).filter(Boolean) }),
    verify: flags.verify ?? true,
    build: flags.build ?? true,
    open: flags.open ?? false,
    volumes: flags.volumes ?? false,
    follow: flags.follow ?? false,
    fast: flags.fast ?? false,
    holdMs: flags.for ?? 0,
    ...(installation && { installation }),
    adopt: {
      otlp: flags.otlp ?? false,
      ...(url && { url }),
      ...(flags.name !== undefined && { name: flags.name }),
      ...(flags.remove !== undefined && { remove: flags.remove }),
    },
    traffic: {
      perSecond: flags.rate ?? rate(DEFAULT_RATE),
      forMs: flags.for ?? duration(DEFAULT_TRAFFIC),
      mix: flags.mix ?? DEFAULT_MIX,
    },
    ...named,
  };
}

/** The flags of the default verb, which can be given without naming it. */
function flagsOf(up: Command): string {
  const help = up.createHelp();
  const flags = help.visibleOptions(up).filter(({ long }) => long !== "--help");
  const width = Math.max(...flags.map((flag) => help.optionTerm(flag).length));
  const rows = flags.map((flag) =>
    `  ${help.optionTerm(flag).padEnd(width)}  ${help.optionDescription(flag)}`
  );
  return `Flags of ${up.name()}, with and without the verb:\n${rows.join("\n")}\n`;
}

function examples(command: string): string {
  return `Examples:
  ${command}                                  everything, from nothing to proof
  ${command} --without tempo,grafana          less memory; starts and proves the rest
  ${command} up --workers 5 --timeout 5m
  ${command} verify --json                    for CI: exit code and evidence
  ${command} verify --url https://thoughts.example.com --key-file secrets/key
  ${command} verify --context production --key-file secrets/key
  ${command} logs kafka-worker --follow
  ${command} drill redis-down --fast          does the alert fire, and resolve?
  ${command} traffic --rate 10/s --for 5m     something to see
  ${command} adopt http://localhost:3000/metrics --name shop
  ${command} down --volumes                   leave nothing behind

Can be left out: ${OPTIONAL.join(", ")}
`;
}

function exitCodes(): string {
  const rows = Object.entries(EXIT).map(([name, code]) =>
    `  ${String(code).padStart(3)}  ${EXIT_MEANING[name as keyof typeof EXIT]}`
  );
  return `Exit codes:\n${rows.join("\n")}\n`;
}
