/** Checks that one trace has spans of the API and of a worker. */
import * as z from "zod";
import { LaunchFailure } from "../failure.ts";
import { askJson } from "../clients/http.ts";
import type { Progress } from "../checklist.ts";
import { until } from "../wait.ts";
import type { RunningStack } from "../running_stack.ts";
import type { ProofThought } from "./thought.ts";

/** The services send their spans in batches, every few seconds. */
const TRACED_MS = 30_000;
const BOTH = ["thoughtprocessor-api", "kafka-worker"];

const ResourceSpans = z.array(z.object({
  resource: z.object({
    attributes: z.array(z.object({
      key: z.string(),
      value: z.object({ stringValue: z.string().optional() }),
    })),
  }),
  scopeSpans: z.array(z.object({ spans: z.array(z.unknown()) })),
})).default([]);
const Trace = z.object({ trace: z.object({ resourceSpans: ResourceSpans }).optional() });

export async function traced(
  stack: RunningStack,
  thought: ProofThought,
  { say, signal }: Progress,
): Promise<string> {
  const { host, endpoints } = stack;
  const url = `${endpoints.of("tempo")}/api/v2/traces/${thought.traceId}`;
  return await until(async () => {
    const { trace } = await askJson(host, url, Trace, { headers: { accept: "application/json" } });
    const spans = new Map<string, number>();
    for (const { resource, scopeSpans } of trace?.resourceSpans ?? []) {
      const name = resource.attributes.find((a) => a.key === "service.name")?.value.stringValue ?? "?";
      const count = scopeSpans.reduce((sum, scope) => sum + scope.spans.length, 0);
      spans.set(name, (spans.get(name) ?? 0) + count);
    }
    const found = [...spans].map(([name, count]) => `${count} of ${name}`).join(", ") || "no spans";
    const missing = BOTH.filter((name) => !spans.has(name));
    return missing.length === 0
      ? { ready: `spans: ${found}` }
      : { pending: `${found}; none of ${missing.join(", ")}` };
  }, {
    host,
    deadlineMs: TRACED_MS,
    signal,
    say,
    late: (why) =>
      new LaunchFailure("proof", {
        what: "The proof thought's trace is incomplete in Tempo",
        cause: why,
        next: [
          { text: "see what tempo says", verb: "logs tempo" },
          "is OTEL_EXPORTER_OTLP_ENDPOINT empty in .env?",
        ],
        evidence: [url],
      }),
  });
}
