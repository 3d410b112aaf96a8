/** Checks that Loki has lines of both services with the trace id. */
import { LaunchFailure } from "../failure.ts";
import { createLoki } from "../clients/loki.ts";
import type { Progress } from "../checklist.ts";
import { until } from "../wait.ts";
import type { RunningStack } from "../running_stack.ts";
import type { ProofThought } from "./thought.ts";

/** From a container's log file to Loki's index: promtail reads and sends every second. */
const LOGGED_MS = 30_000;
const BOTH = ["thoughtprocessor-api", "kafka-worker"];

export async function logged(
  stack: RunningStack,
  thought: ProofThought,
  { say, signal }: Progress,
): Promise<string> {
  const { host, endpoints } = stack;
  const query = `{service=~"${BOTH.join("|")}"} |= "${thought.traceId}"`;
  const loki = createLoki({ host, url: endpoints.of("loki") });
  return await until(async () => {
    const lines = await loki.lines(query, thought.postedNs);
    const found = [...lines].map(([name, count]) => `${count} of ${name}`).join(", ") || "no lines";
    const missing = BOTH.filter((name) => !lines.has(name));
    return missing.length === 0
      ? { ready: `lines: ${found}` }
      : { pending: `${found}; none of ${missing.join(", ")}` };
  }, {
    host,
    deadlineMs: LOGGED_MS,
    signal,
    say,
    late: (why) =>
      new LaunchFailure("proof", {
        what: "Loki has no log lines of the proof thought",
        cause: why,
        next: [{ text: "see what promtail says", verb: "logs promtail" }, `the query: ${query}`],
      }),
  });
}
