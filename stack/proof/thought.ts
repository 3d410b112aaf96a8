import { LaunchFailure } from "../failure.ts";
import { Unreachable } from "../clients/http.ts";
import type { RunningRow } from "../checklist.ts";
import { seconds } from "../output/text.ts";
import { Thoughts } from "../clients/thoughts.ts";
import { until } from "../wait.ts";
import { PROCESSED, Workers } from "../clients/workers.ts";
import type { Proven } from "./context.ts";

const PROCESSED_MS = 20_000;
const COUNTED_MS = 10_000;
const USER = "launcher-proof";

/** One synthetic thought, followed from the API's answer to the workers' counter. */
export class ProofThought {
  /** Ours, so that it is known before anything has happened. */
  readonly traceId = hex(16);
  /** When it was posted, in nanoseconds since 1970. */
  postedNs = "";
  #id = "";
  #before = 0;
  readonly #pulses: string[] = [];

  constructor(private readonly proven: Proven) {}

  /** The API takes it, and keeps our trace id. */
  async accepted(): Promise<string> {
    this.#before = await this.#workers().processed().catch(
      notThere("A worker does not answer", "kafka-worker"),
    );
    // A second of slack for clocks that differ: a virtual machine's drifts.
    this.postedNs = `${Date.now() - 1000}000000`;
    // The trace id makes the text new: one that was seen before would come out of the cache.
    const text = `Show that a thought comes through every part. Run ${this.traceId}.`;
    // The sampled flag (01): a parent's decision stands above the service's own ratio.
    const reply = await this.#thoughts().post({ user: USER, text }, {
      traceparent: `00-${this.traceId}-${hex(8)}-01`,
    })
      .catch(notThere("The proof thought cannot be sent", "api"));
    if (!reply.id) {
      throw failed(
        "The API did not accept the proof thought",
        `${reply.status} ${reply.text.slice(0, 200)}`,
        "api",
      );
    }
    this.#id = reply.id;
    const kept = reply.headers.get("x-trace-id") === this.traceId;
    return `POST /thoughts 201${kept ? ", our trace id kept" : ""}: ${reply.id}`;
  }

  /** A worker has stored its result. */
  async completed({ say, signal }: RunningRow): Promise<string> {
    const { host } = this.proven;
    const from = host.now();
    return await until(async () => {
      const { status, attempts, error } = await this.#thoughts().get(this.#id);
      if (status === "failed") {
        throw failed("The worker gave the proof thought up", error ?? "it gave no reason", "kafka-worker");
      }
      if (status === "completed") {
        return { ready: `result stored after ${seconds((host.now() - from) / 1000)}` };
      }
      return { pending: `still ${status}, ${attempts} ${attempts === 1 ? "attempt" : "attempts"}` };
    }, {
      host,
      deadlineMs: PROCESSED_MS,
      everyMs: 200,
      signal,
      say,
      late: async (why) => {
        const cause = await this.#workers().trouble() ?? `${why}; the workers say that they are ready`;
        return failed(
          "The proof thought was accepted, but no worker processed it",
          cause,
          "kafka-worker",
          "kafka",
        );
      },
    });
  }

  /** The workers' counter has moved. */
  async counted({ say, signal }: RunningRow): Promise<string> {
    const { host, workers } = this.proven;
    return await until(async () => {
      const now = await this.#workers().processed();
      const text = `${this.#before} → ${now} over ${workers} ${workers === 1 ? "worker" : "workers"}`;
      return now > this.#before ? { ready: `processed ${text}` } : { pending: text };
    }, {
      host,
      deadlineMs: COUNTED_MS,
      signal,
      say,
      late: (why) => failed(`${PROCESSED} did not move`, why, "kafka-worker"),
    });
  }

  /** Posts one more thought, as traffic for rates and quantiles to be drawn from; nobody waits for it. */
  async pulse(): Promise<void> {
    const text = `A pulse for the dashboards. Run ${hex(16)}.`;
    const { id } = await this.#thoughts().post({ user: USER, text }).catch(() => ({ id: "" }));
    if (id) this.#pulses.push(id);
  }

  /** Takes the synthetic thoughts out of the store again. Their traces and log lines stay. */
  async forget(): Promise<void> {
    const ids = [this.#id, ...this.#pulses].filter(Boolean);
    await Promise.allSettled(ids.map((id) => this.#thoughts().delete(id)));
  }

  #thoughts(): Thoughts {
    return new Thoughts(this.proven.host, this.proven.endpoints.of("api"));
  }

  #workers(): Workers {
    return new Workers(this.proven.host, this.proven.endpoints.all("kafka-worker"));
  }
}

function notThere(what: string, service: string): (error: unknown) => never {
  return (error) => {
    if (error instanceof Unreachable) throw failed(what, error.message, service);
    throw error;
  };
}

function failed(what: string, cause: string, ...services: string[]): LaunchFailure {
  const next = services.map((service) => `see what ${service} says: deno task monitoring logs ${service}`);
  return new LaunchFailure("proof", { what, cause, next });
}

function hex(bytes: number): string {
  return crypto.getRandomValues(new Uint8Array(bytes)).toHex();
}
