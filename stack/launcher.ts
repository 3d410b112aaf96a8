/** How this launcher was called: the next steps that it suggests work from there. */
import type { Step } from "./failure.ts";

export interface Launcher {
  /** What a person types before the verb. */
  readonly command: string;
  /** A single file without a checkout: there is no other task to run. */
  readonly packed: boolean;
}

/** A step as a person reads it; undefined if it is not available. */
export function stepText(step: Step, { command, packed }: Launcher): string | undefined {
  if (typeof step === "string") return step;
  if ("verb" in step) return `${step.text}: ${`${command} ${step.verb}`.trim()}`;
  return packed ? undefined : `${step.text}: deno task ${step.task}`;
}
