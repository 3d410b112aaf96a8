/** A model's answer, read leniently: finds JSON in prose, repairs it, and normalises its values. */
import { jsonrepair } from "jsonrepair";
import { z } from "zod";
import { ResultSchema } from "../../../core/result.ts";
import { DIMENSIONS, PRIORITIES, TONES, TYPES, URGENCIES } from "../../../core/thought.ts";

export interface Answer {
  /** Null when there is no JSON in it. */
  readonly result: unknown;
  /** What is wrong with it, for the model to answer again; undefined when it is valid. */
  readonly wrong?: string;
}

/** Reads an answer. Never throws. */
export function readAnswer(content: string): Answer {
  const found = findJson(withoutThinking(content));
  if (found === undefined) return { result: null, wrong: "it is not JSON" };
  const shaped = LenientResult.safeParse(found);
  const result = shaped.success ? shaped.data : found;
  const checked = ResultSchema.safeParse(result);
  return checked.success ? { result } : { result, wrong: z.prettifyError(checked.error).slice(0, 1_000) };
}

/** Some servers cut off the opening tag, and a model that is cut off never writes the closing one. */
function withoutThinking(content: string): string {
  return content.replace(/^[\s\S]*<\/think(?:ing)?>/i, "").replace(/<think(?:ing)?>[\s\S]*$/i, "");
}

function findJson(text: string): unknown {
  const fences = [...text.matchAll(/```[a-z]*\s*([\s\S]*?)```/gi)].map(([, inside]) => inside!);
  const braces = text.slice(text.indexOf("{"), text.lastIndexOf("}") + 1);
  for (const read of [JSON.parse, (candidate: string) => JSON.parse(jsonrepair(candidate))]) {
    for (const candidate of [text, ...fences, braces]) {
      const value = tryRead(read, candidate);
      const only = Array.isArray(value) && value.length === 1 ? value[0] : value;
      if (typeof only === "object" && only !== null && !Array.isArray(only)) return only;
    }
  }
  return undefined;
}

function tryRead(read: (candidate: string) => unknown, candidate: string): unknown {
  if (!candidate.includes("{")) return undefined;
  try {
    return read(candidate.trim());
  } catch {
    return undefined;
  }
}

/** "Task" and " task " are `task`. */
const word = (words: readonly string[]) =>
  z.string().transform((text) => text.trim().toLowerCase()).pipe(z.enum(words));
const number = z.union([z.number(), z.string().trim().regex(/^[+-]?\d+(\.\d+)?$/).transform(Number)]);
const line = (max: number) => z.string().transform((text) => text.trim().slice(0, max));
const lines = (max: number, most: number) =>
  z.union([z.array(line(max)), line(max).transform((only) => [only])])
    .transform((all) => all.filter((one) => one !== "").slice(0, most));

/** Drops unknown fields. What it can't normalise stays as it is, for {@link ResultSchema} to judge. */
const LenientResult = z.object({
  classification: z.object({ type: word(TYPES), urgency: word(URGENCIES), tone: word(TONES) }),
  analysis: z.object({ summary: line(500), keywords: lines(64, 10) }),
  value: z.record(z.string().toLowerCase(), number.nullish()).transform((value) =>
    Object.fromEntries(
      DIMENSIONS.flatMap((name) => typeof value[name] === "number" ? [[name, value[name]]] : []),
    )
  ),
  actions: lines(300, 5),
  priority: z.object({
    level: word(PRIORITIES),
    score: number.transform(Math.round),
    reason: line(300),
  }),
});
