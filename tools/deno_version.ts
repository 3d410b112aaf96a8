/**
 * The first step of tasks that people start: an older Deno would end with an error about a flag that it does not know.
 *
 *     deno run --no-config --no-lock tools/deno_version.ts
 */

const NEEDED = "2.9";

/** @returns what to do, where this version is too old */
export function tooOld(version: string): string | undefined {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const [neededMajor = 0, neededMinor = 0] = NEEDED.split(".").map(Number);
  if (major > neededMajor || (major === neededMajor && minor >= neededMinor)) return undefined;
  return `Thought Processor needs Deno ${NEEDED} or newer, and this is ${version}.
Update it: deno upgrade. With only Node: npx deno@2.9.6 task dev`;
}

if (import.meta.main) {
  const message = tooOld(Deno.version.deno);
  if (message !== undefined) {
    // deno-lint-ignore no-console -- for the person who has started it
    console.error(message);
    Deno.exit(3);
  }
}
