/**
 * The schema every analysis must satisfy, whatever its source: the local analyser, a language model, or the
 * cache.
 */
import { z } from "zod";
import { DIMENSIONS, PRIORITIES, type Result, TONES, TYPES, URGENCIES } from "./thought.ts";

/** PostgreSQL stores neither NUL nor half a surrogate pair. */
const storable = (text: string) => text.isWellFormed() && !text.includes("\0");
const Line = (max: number) =>
  z.string().trim().min(1).max(max).refine(storable, "holds characters that cannot be stored");

export const ResultSchema: z.ZodType<Result> = z.strictObject({
  classification: z.strictObject({
    type: z.enum(TYPES),
    urgency: z.enum(URGENCIES),
    tone: z.enum(TONES),
  }),
  analysis: z.strictObject({
    summary: Line(500),
    keywords: z.array(Line(64)).max(10),
  }),
  value: z.partialRecord(z.enum(DIMENSIONS), z.number().min(-1).max(1)),
  actions: z.array(Line(300)).min(1).max(5),
  priority: z.strictObject({
    level: z.enum(PRIORITIES),
    score: z.int().min(0).max(100),
    reason: Line(300),
  }),
});
