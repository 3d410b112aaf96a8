/** The table of endpoint responses in docs/models.md. */
import { ENDPOINT_ANSWERS, type EndpointAnswer } from "../tests/endpoints/answers.ts";
import { table } from "./markdown_table.ts";

export function endpointAnswers(): string {
  const rows = ENDPOINT_ANSWERS.map((answer) => [
    answer.what,
    source(answer.source),
    outcome(answer),
    requests(answer),
    answer.paid === undefined ? "unknown" : String(answer.paid),
  ]);
  return table(["what comes", "seen in", "what becomes of the thought", "requests", "paid"], rows);
}

function source(text: string): string {
  const issue = /^([\w.-]+\/[\w.-]+)#(\d+)$/.exec(text);
  return issue === null ? text : `[${text}](https://github.com/${issue[1]}/issues/${issue[2]})`;
}

function outcome({ then }: EndpointAnswer): string {
  if (then === "the result") return "completed";
  switch (then.kind) {
    case "unavailable":
      return `waits, uncharged (${then.scope}${pauseOf(then.retryAfterMs)})`;
    case "refused":
      return "fails at once, with the reason";
    case "invalid":
      return "is charged an attempt";
    case "timeout":
      return "is charged an attempt, if others got through meanwhile";
  }
}

const pauseOf = (ms: number | undefined) => ms === undefined ? "" : `, for ${ms / 1_000} s`;

function requests({ requests, requestsAfter }: EndpointAnswer): string {
  return requestsAfter === undefined ? String(requests) : `${requests}, later ${requestsAfter}`;
}
