/** One synthetic thought, followed from the API's response to the workers' counter. */
import { LaunchFailure } from "../failure.ts";
import { type Reply, Unreachable } from "../clients/http.ts";
import type { Progress } from "../checklist.ts";
import { seconds } from "../output/format.ts";
import { createThoughts } from "../clients/thoughts.ts";
import { until } from "../wait.ts";
import { createWorkers, PROCESSED } from "../clients/workers.ts";
import type { RunningStack } from "../running_stack.ts";

const PROCESSED_MS = 20_000;
const COUNTED_MS = 10_000;
const USER = "launcher-proof";

export type ProofThought = ReturnType<typeof createProofThought>;

export function createProofThought(stack: RunningStack) {
  /** Chosen here, and so known before the thought is sent. */
  const traceId = hex(16);
  let postedNs = "";
  let id = "";
  let before = 0;
  const traffic: string[] = [];
  const api = { url: stack.endpoints.of("api"), key: stack.apiKey };
  const thoughts = createThoughts({ host: stack.host, ...api });
  const workers = createWorkers({ host: stack.host, urls: stack.endpoints.all("kafka-worker") });
  const { processed, delayMs } = stack.counter ?? { ...workers, delayMs: COUNTED_MS };

  /** The API accepts it, and keeps the trace id. */
  async function accepted(): Promise<string> {
    before = await processed().catch(
      notThere("A worker does not respond", "kafka-worker"),
    );
    // A second of slack for clock drift of virtual machines.
    postedNs = `${Date.now() - 1_000}000000`;
    // The trace id makes the text unique: a known one would come from the cache.
    const text = `Show that a thought comes through every part. Run ${traceId}.`;
    // The sampled flag (01): a parent's decision overrides the service's own ratio.
    const reply = await thoughts.post({ user: USER, text }, {
      traceparent: `00-${traceId}-${hex(8)}-01`,
    })
      .catch(notThere("The proof thought cannot be sent", "api"));
    if (!reply.id) {
      const isJson = /\bjson\b/.test(reply.headers.get("content-type") ?? "");
      if (stack.howToGive && (!isJson || reply.url !== `${api.url}/thoughts`)) {
        throw notTheApi(api.url, reply);
      }
      throw failed(
        "The API did not accept the proof thought",
        `${reply.status} ${reply.text.slice(0, 200)}`,
        "api",
      );
    }
    id = reply.id;
    const kept = reply.headers.get("x-trace-id") === traceId;
    return `POST /thoughts 201${kept ? ", our trace id kept" : ""}: ${reply.id}`;
  }

  /** Checks that a worker has stored its result. */
  async function completed({ say, signal }: Progress): Promise<string> {
    const { host } = stack;
    const from = host.now();
    return await until(async () => {
      const { status, attempts, error } = await thoughts.get(id);
      if (status === "failed") {
        throw failed("The proof thought failed", error ?? "it gave no reason", "kafka-worker");
      }
      if (status === "completed") {
        return { ready: `result stored after ${seconds((host.now() - from) / 1_000)}` };
      }
      return { pending: `still ${status}, ${attempts} ${attempts === 1 ? "attempt" : "attempts"}` };
    }, {
      host,
      deadlineMs: PROCESSED_MS,
      everyMs: 200,
      signal,
      say,
      late: async (why) => {
        const trouble = stack.counter ? why : await workers.trouble();
        const cause = trouble ?? `${why}; the workers say that they are ready`;
        return failed(
          "The proof thought was accepted, but no worker processed it",
          cause,
          "kafka-worker",
          "kafka",
        );
      },
    });
  }

  /** Checks that the workers' counter has moved. */
  async function counted({ say, signal }: Progress): Promise<string> {
    const { host, workers: count } = stack;
    const over = stack.counter ? "" : ` over ${count} ${count === 1 ? "worker" : "workers"}`;
    return await until(async () => {
      const now = await processed();
      const text = `${before} → ${now}${over}`;
      return now > before ? { ready: `processed ${text}` } : { pending: text };
    }, {
      host,
      deadlineMs: delayMs,
      signal,
      say,
      late: (why) => failed(`${PROCESSED} did not move`, why, "kafka-worker"),
    });
  }

  /** Posts another thought, as traffic for rates and quantiles; its result is not awaited. */
  async function sendTraffic(): Promise<void> {
    const text = `Traffic for the dashboards. Run ${hex(16)}.`;
    const { id } = await thoughts.post({ user: USER, text }).catch(() => ({ id: "" }));
    if (id) traffic.push(id);
  }

  /** Deletes the synthetic thoughts. Their traces and log lines stay. */
  async function forget(): Promise<void> {
    const ids = [id, ...traffic].filter(Boolean);
    // After Ctrl-C too.
    const { remove } = createThoughts({ host: stack.host.uninterrupted(), ...api });
    await Promise.allSettled(ids.map(remove));
  }

  return {
    traceId,
    /** When it was posted, in nanoseconds since 1970. */
    get postedNs() {
      return postedNs;
    },
    accepted,
    completed,
    counted,
    sendTraffic,
    forget,
  };
}

/** Of an installation whose address a person has given. */
function notTheApi(url: string, { url: from, status, text }: Reply): LaunchFailure {
  const redirected = from === `${url}/thoughts` ? "" : `, redirected to ${from}`;
  return new LaunchFailure("proof", {
    what: `${url} is not the API's address`,
    cause: `POST /thoughts returns ${status}${redirected}: ${text.trim().slice(0, 80)}`,
    next: [`give the address itself: curl ${url}/health/ready has to show its dependencies`],
  });
}

function notThere(what: string, service: string): (error: unknown) => never {
  return (error) => {
    if (!(error instanceof Unreachable)) throw error;
    if (!/certificate/i.test(error.message)) throw failed(what, error.message, service);
    throw new LaunchFailure("proof", {
      what,
      cause: error.message,
      next: [
        "if its authority is your own, name that one's certificate: DENO_CERT=authority.pem before the command",
      ],
    });
  };
}

function failed(what: string, cause: string, ...services: string[]): LaunchFailure {
  const next = services.map((service) => ({ text: `see what ${service} says`, verb: `logs ${service}` }));
  return new LaunchFailure("proof", { what, cause, next });
}

function hex(bytes: number): string {
  return crypto.getRandomValues(new Uint8Array(bytes)).toHex();
}
