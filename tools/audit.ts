// deno-lint-ignore-file no-console -- a command line program
/**
 * `deno task audit`: fails when a package of deno.lock has a known vulnerability. A registry that cannot be
 * reached (no network, an error, silence) is reported and fails nothing: the gate also runs without one.
 */

/** `deno audit` has no time limit: a registry that accepts and stays silent would block the gate for ever. */
const DEADLINE_MS = 10_000;

const deadline = AbortSignal.timeout(DEADLINE_MS);
const { success } = await new Deno.Command("deno", {
  // Only the registry's errors are ignored; what it knows of our packages is not.
  args: ["audit", "--ignore-registry-errors"],
  stdin: "null",
  stdout: "inherit",
  stderr: "inherit",
  signal: deadline,
}).output();

if (deadline.aborted) {
  console.error(`Not audited: the registry did not respond within ${DEADLINE_MS / 1_000} s`);
} else if (!success) {
  Deno.exit(1);
}
