/** A completion as endpoints send it: the parts that are needed, wherever they put them. */
import { z } from "zod";
import { failure, type FailureOptions, redact } from "./failure.ts";

const Text = z.string().nullish().catch(null);
export const Completion = z.object({
  choices: z.array(z.object({
    finish_reason: Text,
    message: z.object({
      content: z.union([
        z.string(),
        z.array(z.union([z.string(), z.object({ type: Text, text: Text })])),
      ]).nullish().catch(null),
      refusal: Text,
      reasoning_content: Text,
      reasoning: Text,
    }),
  })),
  usage: z.object({ prompt_tokens: z.unknown().optional(), completion_tokens: z.unknown().optional() })
    .nullish().catch(null),
});
export type Completion = z.output<typeof Completion>;

export interface Said {
  readonly content: string;
  readonly finishReason: string | undefined;
}

/** @throws {AnalysisError} when the model or a filter refuses, or nothing was chosen */
export function read({ choices }: Completion, about: () => FailureOptions): Said {
  const [choice] = choices;
  if (choice === undefined) throw failure("it returned nothing: no choices", { kind: "invalid" }, about());
  const { finish_reason, message: { content, refusal, reasoning_content, reasoning } } = choice;
  if (finish_reason === "content_filter") throw failure("content filter", { kind: "refused" }, about());
  if (refusal) throw failure(`refusal: ${redact(refusal, about())}`, { kind: "refused" }, about());
  const said = typeof content === "string"
    ? content
    : (content ?? []).map((part) => typeof part === "string" ? part : part.text ?? "").join("");
  // A server that treats the whole answer as thinking (vllm-project/vllm#17349).
  const anything = said.trim() === "" ? reasoning_content ?? reasoning ?? "" : said;
  return { content: anything, finishReason: finish_reason ?? undefined };
}
