/** Configuration: the settings as the environment has them. No other file of API and worker reads it. */
import type { z } from "zod";
import { whyUnreadable } from "./named_file.ts";
import { type Program, PROGRAMS, type Setting, SETTINGS } from "./settings.ts";

export type Config = { readonly [K in keyof typeof SETTINGS]: z.output<(typeof SETTINGS)[K]["schema"]> };

/** Thrown when the configuration is invalid; lists every wrong setting. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

/**
 * Reads the configuration of some programs; other programs' settings keep their defaults, and their variables
 * are not read. An empty variable counts as unset.
 *
 * @param programs whose settings are read
 * @default all
 * @param env looks a variable up
 * @default the process's environment
 * @param readFile reads a secret's file
 * @default the file system
 * @throws {ConfigError} naming each wrong setting and what it should be; values are not repeated
 */
export function loadConfig(
  { programs = PROGRAMS, env: lookUp = Deno.env.get, readFile = Deno.readTextFileSync }: {
    readonly programs?: readonly Program[];
    readonly env?: (name: string) => string | undefined;
    readonly readFile?: (path: string) => string;
  } = {},
): Config {
  const wrong: string[] = [];
  const config: Record<string, unknown> = {};
  for (const [key, setting] of Object.entries(SETTINGS) as [string, Setting][]) {
    const env = setting.on.some((program) => programs.includes(program)) ? lookUp : () => undefined;
    const fromFile = setting.secret ? env(`${setting.env}_FILE`) : undefined;
    let text = env(setting.env) || undefined;
    if (text === undefined && fromFile) {
      try {
        text = readFile(fromFile).trim() || undefined;
      } catch (error) {
        wrong.push(`${setting.env}_FILE: cannot read the file (${whyUnreadable(error)})`);
        continue;
      }
    }
    const parsed = setting.schema.safeParse(text);
    if (parsed.success) config[key] = parsed.data;
    else wrong.push(`${setting.env}: ${parsed.error.issues.map((issue) => issue.message).join("; ")}`);
  }
  if (wrong.length === 0) wrong.push(...contradictions(config as unknown as Config));
  if (wrong.length > 0) throw new ConfigError(`Cannot start: wrong settings\n  ${wrong.join("\n  ")}`);
  return config as unknown as Config;
}

/** Settings that are valid alone and invalid together. */
function contradictions(config: Config): string[] {
  const { kafkaSaslMechanism, kafkaUser, kafkaPassword, kafkaTls, kafkaTopic, kafkaDeadTopic } = config;
  const login = kafkaUser !== undefined && kafkaPassword !== undefined;
  const files = [config.kafkaCaFile, config.kafkaCertFile, config.kafkaKeyFile];
  return [
    kafkaSaslMechanism !== undefined && !login && "KAFKA_SASL_MECHANISM: needs KAFKA_USER and KAFKA_PASSWORD",
    kafkaSaslMechanism === undefined && (kafkaUser ?? kafkaPassword) !== undefined &&
    "KAFKA_USER, KAFKA_PASSWORD: need KAFKA_SASL_MECHANISM",
    !kafkaTls && files.some((file) => file !== undefined) &&
    "KAFKA_CA_FILE, KAFKA_CERT_FILE, KAFKA_KEY_FILE: need KAFKA_TLS=true",
    (files[1] === undefined) !== (files[2] === undefined) &&
    "KAFKA_CERT_FILE, KAFKA_KEY_FILE: need each other",
    kafkaTopic === kafkaDeadTopic && "KAFKA_DEAD_TOPIC: must differ from KAFKA_TOPIC",
  ].filter((contradiction) => contradiction !== false);
}

/**
 * {@link loadConfig} for a program's first line: errors go to stderr, and the process exits with code 2.
 *
 * @param program the only program in this process, which then needs a database that others can reach @default
 * all
 */
export function loadConfigOrExit(program?: Program): Config {
  try {
    const config = loadConfig(program === undefined ? {} : { programs: [program] });
    if (program !== undefined && config.databaseUrl === undefined) {
      throw new ConfigError(
        "Cannot start: a process of its own needs DATABASE_URL. `deno task dev` runs all of them together on an embedded database.",
      );
    }
    return config;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    // deno-lint-ignore no-console -- there is no logger yet
    console.error(error.message);
    Deno.exit(2);
  }
}

/** The version of this program, from deno.json. */
export { default as manifest } from "../deno.json" with { type: "json" };
