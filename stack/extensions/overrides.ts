/** Overrides for Compose among the extensions. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Paths } from "../paths.ts";

/** What Compose itself looks for, unless other files are named. */
const DEFAULT_FILES = ["docker-compose.yml", "docker-compose.override.yml"];
const SEPARATOR = Deno.build.os === "windows" ? ";" : ":";

/** What `adopt --otlp` writes, and the name by which it is removed. */
export const OTLP_NAME = "otlp";
export const OTLP_FILE = `compose/${OTLP_NAME}.yml`;
export const OTLP_OVERRIDE = `# Traces of programs on this machine: OTLP by gRPC and by HTTP.
services:
  tempo:
    ports: ["127.0.0.1:4317:4317", "127.0.0.1:4318:4318"]
`;

/**
 * Variables by which Compose finds the extensions: the folder of a packed launcher, and every override in
 * `compose/`, after the files that are used anyway. Read for each call, since `adopt` may just have written
 * one.
 */
export function composeVariables(paths: Paths, overlays: readonly string[] = []): Record<string, string> {
  const overrides = [...overlays, ...overridesIn(paths)];
  return {
    // Relative, as in .env: plain `docker compose` in the version's folder then sees no change.
    ...(paths.stateRoot !== undefined && { EXTENSIONS_DIR: "../extensions" }),
    ...(overrides.length > 0 && { COMPOSE_FILE: [...filesInUse(paths), ...overrides].join(SEPARATOR) }),
  };
}

function overridesIn({ extensionsDir }: Paths): string[] {
  const dir = join(extensionsDir, "compose");
  if (!existsSync(dir)) return [];
  return readdirSync(dir).filter((name) => name.endsWith(".yml")).sort().map((name) => join(dir, name));
}

function filesInUse({ dir, envFile, composeFiles }: Paths): string[] {
  const named = composeFiles || (existsSync(envFile) ? namedIn(readFileSync(envFile, "utf8")) : undefined);
  return named?.split(SEPARATOR) ?? DEFAULT_FILES.filter((name) => existsSync(join(dir, name)));
}

function namedIn(env: string): string | undefined {
  return /^COMPOSE_FILE=["']?([^"'\n]+)/m.exec(env)?.[1]?.trim();
}
