/** Fetches a service's metrics, and says what is recognised in them. */
import { type Family, parseExposition } from "../clients/exposition.ts";
import { ask, type Reply, Unreachable } from "../clients/http.ts";
import { LaunchFailure, prerequisite } from "../failure.ts";
import { recognise, type Recognised } from "./known_metrics.ts";
import type { Live } from "./live.ts";
import { isThisMachine } from "./reach.ts";

export interface Metrics extends Recognised {
  /** "42 metrics, requests by http_requests_total" */
  readonly summary: string;
}

/** As Prometheus requests it: OpenMetrics has exemplars. */
const ACCEPT = "application/openmetrics-text;version=1.0.0;q=0.9,text/plain;version=0.0.4;q=0.5";
/** More is not a page of metrics worth scraping. */
const MOST_BYTES = 50_000_000;

/**
 * Requests them from this machine; a service inside the stack, which has no address here, from Prometheus's container.
 *
 * @throws {LaunchFailure} of kind target, when there is no response or it is not metrics
 */
export async function readMetrics(live: Live, url: URL): Promise<Metrics> {
  const reply = await ask(live.host, url.href, { headers: { accept: ACCEPT } })
    .catch(async (error) => await askInside(live, url) ?? unreachable(url)(error));
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

async function askInside({ compose, endpoints }: Live, url: URL): Promise<Reply | undefined> {
  if (endpoints.all("prometheus").length === 0 || isThisMachine(url)) return undefined;
  const { code, stdout } = await compose.exec("prometheus", ["wget", "-q", "-T", "5", "-O", "-", url.href]);
  return code === 0 ? { status: 200, headers: new Headers(), text: stdout } : undefined;
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
