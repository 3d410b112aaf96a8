/** Fetches a service's metrics, and says what is recognised in them. */
import { type Family, parseExposition } from "../clients/exposition.ts";
import { ask, type Reply, Unreachable } from "../clients/http.ts";
import { LaunchFailure, prerequisite } from "../failure.ts";
import type { Host } from "../host.ts";
import { recognise, type Recognised } from "./known_metrics.ts";

export interface Metrics extends Recognised {
  /** "42 metrics, requests by http_requests_total" */
  readonly summary: string;
}

/** As Prometheus requests it: OpenMetrics has exemplars. */
const ACCEPT = "application/openmetrics-text;version=1.0.0;q=0.9,text/plain;version=0.0.4;q=0.5";
/** More is not a page of metrics worth scraping. */
const MOST_BYTES = 50_000_000;

/** @throws {LaunchFailure} of kind target, when there is no response or it is not metrics */
export async function readMetrics(host: Host, url: URL): Promise<Metrics> {
  const reply = await ask(host, url.href, { headers: { accept: ACCEPT } }).catch(unreachable(url));
  if (reply.status !== 200) {
    throw notMetrics(
      url,
      `it returns ${reply.status}`,
      "give the address of its metrics",
    );
  }
  const families = parsed(url, reply);
  const recognised = recognise(families);
  if (recognised.awaitsRequest) {
    throw prerequisite("The service has not served a request yet", {
      cause: "the labels of its metrics, which the dashboard needs, appear with the first one",
      next: ["send it one, then run the same command again"],
    });
  }
  const by = recognised.requests
    ? `requests by ${recognised.requests.counter}`
    : "no HTTP requests among them";
  return { ...recognised, summary: `${families.size} metrics, ${by}` };
}

function parsed(url: URL, { text, headers }: Reply): ReadonlyMap<string, Family> {
  try {
    if (text.length > MOST_BYTES) throw new SyntaxError("it is larger than 50 MB");
    const families = parseExposition(text);
    if (families.size > 0) return families;
    throw new SyntaxError("it is empty");
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    const type = headers.get("content-type") ?? "no content type";
    throw notMetrics(url, `${error.message} (${type})`, "does it serve them at another path?");
  }
}

function unreachable(url: URL): (error: unknown) => never {
  return (error) => {
    if (!(error instanceof Unreachable)) throw error;
    throw new LaunchFailure("target", {
      what: `${url.host} is not responding`,
      cause: error.message,
      next: ["start the service, and check the address: curl " + url.href],
    });
  };
}

function notMetrics(url: URL, cause: string, next: string): LaunchFailure {
  return new LaunchFailure("target", { what: `${url} does not return metrics`, cause, next: [next] });
}
