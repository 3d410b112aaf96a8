import type { Compose, Container } from "./compose.ts";
import type { Docker, Fate } from "./docker.ts";
import { LaunchFailure } from "../failure.ts";

const LOG_LINES = 12;

/** Words of other programs that tell a cause, and what helps; the first that matches counts. */
const CAUSES: readonly { words: RegExp; cause: string; next: string }[] = [
  {
    words: /port is already allocated|address already in use/i,
    cause: "its port is taken",
    next: "see which program holds it: deno task monitoring doctor",
  },
  {
    words: /no space left on device/i,
    cause: "the disk is full",
    next: "free some: docker system prune",
  },
  {
    words: /exec format error|does not match the specified platform/i,
    cause: "the image is for another kind of processor",
    next: "pull it again for this one: docker compose pull",
  },
  {
    words: /password authentication failed|WRONGPASS|invalid username-password|NOAUTH/i,
    cause: "the password in .env is not the one its volume was made with",
    next: "put the old .env back, or start afresh: deno task monitoring down --volumes",
  },
  {
    words: /database files are incompatible|incompatible with server|unsupported version/i,
    cause: "its volume was written by another version",
    next: "start afresh: deno task monitoring down --volumes (deletes the stored thoughts)",
  },
  {
    words: /permission denied|EACCES|read-only file system/i,
    cause: "it may not read or write one of its files",
    next: "look at the path its log names, and who owns it",
  },
  {
    words: /yaml|unmarshal|parsing config|failed to load config|error loading config/i,
    cause: "it does not accept its configuration",
    next: "look at the file under config/ that its log names",
  },
  {
    words: /ENOTFOUND|no such host|could not resolve|name resolution/i,
    cause: "it does not find another service by name",
    next: "see what runs: deno task monitoring status",
  },
];

/** The likely cause in a text of somebody else, and what helps against it. */
export function likelyCause(text: string): { cause: string; next: string } | undefined {
  return CAUSES.find(({ words }) => words.test(text));
}

/** Says why a container is not well: what became of it, its last lines, and the likely cause. */
export async function diagnose(
  container: Container,
  compose: Compose,
  docker: Docker,
): Promise<LaunchFailure> {
  const [fate, log] = await Promise.all([
    docker.fate(container.name),
    compose.logs(container.service, LOG_LINES),
  ]);
  const likely = likelyCause([fate?.error, ...log.toReversed(), fate?.health].join("\n"));
  return new LaunchFailure("service", {
    what: `${container.service} ${headline(container, fate)}`,
    cause: fate?.outOfMemory
      ? "it needed more memory than its limit"
      : likely?.cause ?? exitCause(fate?.exitCode),
    next: [
      ...(likely ? [likely.next] : []),
      `its whole log: deno task monitoring logs ${container.service}`,
      "then the same command again: what runs is kept",
    ],
    evidence: log.length > 0
      ? log.filter((line, i) => line !== log[i - 1])
      : [fate?.error || fate?.health || "it logged nothing"],
  });
}

function headline(container: Container, fate: Fate | undefined): string {
  const restarts = fate?.restarts ?? 0;
  if (container.state === "restarting" || restarts > 0) {
    return `exits at once, again and again (${restarts} times)`;
  }
  if (container.state === "running") return `runs, but is not healthy: ${firstLine(fate?.health)}`;
  if (fate?.error) return `could not be started: ${fate.error}`;
  return `exited with code ${fate?.exitCode ?? container.exitCode}`;
}

function exitCause(code: number | undefined): string {
  if (code === 137) return "it was killed, by somebody or for want of memory";
  if (code === 126 || code === 127) return "the program the container should run is not in the image";
  return "see its last lines";
}

function firstLine(text = ""): string {
  return text.split("\n").find((line) => line.trim() !== "")?.trim() ?? "its health check says nothing";
}
