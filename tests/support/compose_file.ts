/** docker-compose.yml as Compose renders it, for tests that run without Docker. */
import { parse } from "yaml";

export interface ComposeService {
  readonly image: string;
  readonly build?: string;
  readonly profiles?: readonly string[];
  readonly user?: string;
  readonly restart?: string;
  readonly init?: boolean;
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly cap_add?: readonly string[];
  readonly privileged?: boolean;
  readonly security_opt?: readonly string[];
  readonly stop_grace_period?: string;
  readonly network_mode?: string;
  readonly networks?: readonly string[];
  readonly ports?: readonly string[];
  readonly expose?: readonly string[];
  readonly volumes?: readonly string[];
  readonly tmpfs?: readonly string[];
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string | number | boolean>>;
  readonly depends_on?: Readonly<Record<string, { readonly condition: string; readonly restart?: boolean }>>;
  readonly healthcheck?: {
    readonly test: readonly string[];
    readonly interval: string;
    readonly timeout: string;
    readonly retries: number;
    readonly start_period: string;
  };
  readonly logging?: { readonly driver: string; readonly options: Readonly<Record<string, string>> };
  readonly deploy?: {
    readonly replicas?: string | number;
    readonly resources: {
      readonly limits: { readonly cpus: string; readonly memory: string; readonly pids: number };
    };
  };
}

export interface ComposeFile {
  readonly name: string;
  readonly services: Readonly<Record<string, ComposeService>>;
  readonly networks: Readonly<Record<string, { readonly internal?: boolean } | null>>;
  readonly volumes: Readonly<Record<string, unknown>>;
}

/** A default may contain references itself. */
const REFERENCE = /\$\$|\$\{([A-Z][A-Z0-9_]*)(?:(:?)([-+])((?:[^{}]|\$\{[^{}]*\})*))?\}/g;

/** A file of this repository, as text. */
export function readRepositoryFile(path: string): string {
  return Deno.readTextFileSync(new URL(`../../${path}`, import.meta.url));
}

/** Replaces `${NAME}`, with `:-`, `-`, `:+` and `+`, by values, and `$$` by `$`, as Compose does. */
export function interpolate(text: string, env: Readonly<Record<string, string>> = {}): string {
  return text.replace(REFERENCE, (whole, name, orEmpty, sign, word = "") => {
    if (whole === "$$") return "$";
    const value = orEmpty === ":" ? env[name] || undefined : env[name];
    if (sign === "+") return value === undefined ? "" : interpolate(word, env);
    return value ?? interpolate(word, env);
  });
}

/** Every variable that a text refers to, with its default or undefined. */
export function variables(text: string): Map<string, string | undefined> {
  const found = new Map<string, string | undefined>();
  for (const [, name, , sign, word] of text.matchAll(REFERENCE)) {
    if (name && !found.has(name)) found.set(name, sign === "+" ? undefined : word);
  }
  return found;
}

/** The compose file, with every variable at its default or at the value in `env`. */
export function readComposeFile(env: Readonly<Record<string, string>> = {}): ComposeFile {
  const text = interpolate(readRepositoryFile("docker-compose.yml"), {
    COMPOSE_PROJECT_NAME: "thought-processor",
    ...env,
  });
  return parse(text, { merge: true });
}
