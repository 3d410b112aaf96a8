/** Diagnoses why a container failed: how it ended, its last lines, and the likely cause. */
import type { Compose, Container } from "./compose.ts";
import type { Docker, ExitState } from "./docker.ts";
import { LaunchFailure, type Step } from "../failure.ts";

const LOG_LINES = 12;

interface Likely {
  readonly cause: string;
  readonly next: Step;
}

/** Errors of other programs, their cause, and a remedy; the first match counts. */
const CAUSES: readonly (Likely & { readonly words: RegExp })[] = [
  {
    words: /port is already allocated|address already in use/i,
    cause: "its port is taken",
    next: { text: "see which program holds it", verb: "doctor" },
  },
  {
    words: /no space left on device/i,
    cause: "the disk is full",
    next: "free some space: docker system prune",
  },
  {
    words: /exec format error|does not match the specified platform/i,
    cause: "the image is for another processor architecture",
    next: "remove the image (docker image rm), then run the same command again",
  },
  {
    words: /password authentication failed|WRONGPASS|invalid username-password|NOAUTH/i,
    cause: "the password in .env is not the one its volume was created with",
    next: {
      text: "restore the old .env, or start afresh (this deletes the stored thoughts)",
      verb: "down --volumes",
    },
  },
  {
    words: /database files are incompatible|incompatible with server|unsupported version/i,
    cause: "its volume was written by another version",
    next: { text: "start afresh (this deletes the stored thoughts)", verb: "down --volumes" },
  },
  {
    words: /permission denied|EACCES|read-only file system/i,
    cause: "it may not read or write one of its files",
    next: "check the path that its log names, and who owns it",
  },
  {
    words: /yaml|unmarshal|parsing config|failed to load config|error loading config/i,
    cause: "it does not accept its configuration",
    next: "check the file under config/ that its log names",
  },
  {
    words: /ENOTFOUND|no such host|could not resolve|name resolution/i,
    cause: "it cannot resolve the name of another service",
    next: { text: "see what is running", verb: "status" },
  },
];

/** The likely cause of another program's error, and a remedy. */
export function likelyCause(text: string): Likely | undefined {
  return CAUSES.find(({ words }) => words.test(text));
}

export async function diagnose(
  container: Container,
  compose: Compose,
  docker: Docker,
): Promise<LaunchFailure> {
  const [exit, log] = await Promise.all([
    docker.exitState(container.name),
    compose.logs(container.service, LOG_LINES),
  ]);
  const likely = likelyCause([exit?.error, ...log.toReversed(), exit?.health].join("\n"));
  return new LaunchFailure("service", {
    what: `${container.service} ${headline(container, exit)}`,
    cause: exit?.outOfMemory
      ? "it needed more memory than its limit"
      : likely?.cause ?? exitCause(exit?.exitCode),
    next: [
      ...(likely ? [likely.next] : []),
      { text: "its whole log", verb: `logs ${container.service}` },
      "then run the same command again: what is running is kept",
    ],
    evidence: log.length > 0
      ? log.filter((line, i) => line !== log[i - 1])
      : [exit?.error || exit?.health || "it logged nothing"],
  });
}

function headline(container: Container, exit: ExitState | undefined): string {
  const restarts = exit?.restarts ?? 0;
  if (container.state === "restarting" || restarts > 0) {
    return `exits at once, again and again (${restarts} times)`;
  }
  if (container.state === "running") return `is running, but not healthy: ${firstLine(exit?.health)}`;
  if (exit?.error) return `could not be started: ${exit.error}`;
  return `exited with code ${exit?.exitCode ?? container.exitCode}`;
}

function exitCause(code: number | undefined): string {
  if (code === 137) return "it was killed, manually or for lack of memory";
  if (code === 126 || code === 127) return "the container's program is not in its image";
  return "see its last lines";
}

function firstLine(text = ""): string {
  return text.split("\n").find((line) => line.trim() !== "")?.trim() ?? "its health check printed nothing";
}
