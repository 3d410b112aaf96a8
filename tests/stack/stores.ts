/**
 * Where a running stack's parts are: the usual ports, or STACK_API, STACK_PROMETHEUS, STACK_LOKI and
 * STACK_TEMPO.
 */
export const API = Deno.env.get("STACK_API") ?? "http://127.0.0.1:8000";
export const PROMETHEUS = Deno.env.get("STACK_PROMETHEUS") ?? "http://127.0.0.1:9090";
export const LOKI = Deno.env.get("STACK_LOKI") ?? "http://127.0.0.1:3100";
export const TEMPO = Deno.env.get("STACK_TEMPO") ?? "http://127.0.0.1:3200";

/** Whether a stack is running there; prints that a test is skipped when none is. */
export async function stackRuns(skipped: string): Promise<boolean> {
  const running = await fetch(`${PROMETHEUS}/-/ready`, { signal: AbortSignal.timeout(2_000) })
    .then(async (response) => (await response.body?.cancel(), response.ok), () => false);
  if (!running) {
    // deno-lint-ignore no-console -- a skipped test must not look like a passed one
    console.warn(`SKIPPED: ${skipped}. No stack at ${PROMETHEUS}; start one with "deno task monitoring".`);
  }
  return running;
}

/**
 * Asks one of their HTTP APIs.
 *
 * @throws {Error} with the query and the answer, when that is no 200
 */
// deno-lint-ignore no-explicit-any -- three APIs, each answer read at one place
export async function ask(url: string, parameters: Record<string, string> = {}): Promise<any> {
  const response = await fetch(`${url}?${new URLSearchParams(parameters)}`, {
    headers: { accept: "application/json" },
    signal: AbortSignal.timeout(10_000),
  });
  const text = await response.text();
  if (!response.ok) {
    throw new Error(`Cannot ask ${url} for ${Object.values(parameters)[0]}: ${response.status} ${text}`);
  }
  return JSON.parse(text);
}
