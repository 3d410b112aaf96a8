/** Fetches a service's metrics, and says what is recognised in them. */
import { type Family, parseExposition } from "../clients/exposition.ts";
import { ask, type Reply, Unreachable } from "../clients/http.ts";
import { LaunchFailure, prerequisite } from "../failure.ts";
import { recognise, type Recognised } from "./known_metrics.ts";
import type { Live } from "./live.ts";
import { isAboutCertificate, isThisMachine } from "./reach.ts";

export interface Metrics extends Recognised {
  /** "42 metrics, requests by http_requests_total" */
  readonly summary: string;
  /** Whether their content type names a format that Prometheus knows. */
  readonly typed: boolean;
}

/** As Prometheus requests it: OpenMetrics has exemplars. */
const ACCEPT = "application/openmetrics-text;version=1.0.0;q=0.9,text/plain;version=0.0.4;q=0.5";
/**
 * A service that reports more is broken: its labels contain ids. Prometheus then drops its scrape, and no
 * other.
 */
export const MOST_SAMPLES = 20_000;
const OPEN_METRICS = /^application\/openmetrics-text\b/;
const TEXT = /^text\/plain\b/;
const BY_HAND =
  "adopt has no logins and no certificates: write its job by hand, as scrape/protected.yml.example shows";

/**
 * Requests them from this machine; a service inside the stack, which has no address here, from Prometheus's container.
 *
 * @throws {LaunchFailure} of kind target, when there is no response or it is not metrics
 */
export async function readMetrics(live: Live, url: URL): Promise<Metrics> {
  const reply = await ask(live.host, url.href, { headers: { accept: ACCEPT } })
    .catch(async (error) => await askInside(live, url) ?? unreachable(url)(error));
  if (reply.status !== 200) {
    const next = [401, 403].includes(reply.status) ? BY_HAND : "give the address of its metrics";
    throw notMetrics(url, `${sender(url, reply)} returns ${reply.status}`, next);
  }
  const families = parsed(url, reply);
  const samples = families.values().reduce((sum, family) => sum + family.samples.length, 0);
  if (samples > MOST_SAMPLES) {
    throw new LaunchFailure("target", {
      what: `${url} has ${samples} samples, more than the ${MOST_SAMPLES} that Prometheus is to store`,
      cause: "one for each combination of labels: is one of them an id?",
      next: ["take it out, or write the job by hand with a higher sample_limit"],
    });
  }
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
  const type = reply.headers.get("content-type") ?? "";
  const typed = OPEN_METRICS.test(type) || TEXT.test(type);
  return { ...recognised, typed, summary: `${families.size} metrics, ${by}` };
}

async function askInside({ compose, endpoints }: Live, url: URL): Promise<Reply | undefined> {
  if (endpoints.all("prometheus").length === 0 || isThisMachine(url)) return undefined;
  const { code, stdout } = await compose.exec("prometheus", ["wget", "-q", "-T", "5", "-O", "-", url.href]);
  return code === 0 ? { url: url.href, status: 200, headers: new Headers(), text: stdout } : undefined;
}

function parsed(url: URL, reply: Reply): ReadonlyMap<string, Family> {
  const { text, headers } = reply;
  const type = headers.get("content-type") ?? "no content type";
  try {
    if (OPEN_METRICS.test(type) && !text.trimEnd().endsWith("# EOF")) {
      throw new SyntaxError("It does not end with # EOF");
    }
    const families = parseExposition(text);
    if (families.size > 0) return families;
    throw new SyntaxError("It is empty");
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    const from = sender(url, reply) === "it" ? "" : `, from ${reply.url}`;
    throw notMetrics(url, `${error.message} (${type}${from})`, "does it serve them at another path?");
  }
}

/** Who returned it: somebody else after a redirect. */
function sender(url: URL, reply: Reply): string {
  return reply.url === url.href ? "it" : reply.url;
}

function unreachable(url: URL): (error: unknown) => never {
  return (error) => {
    if (!(error instanceof Unreachable)) throw error;
    if (error.status !== undefined) {
      throw notMetrics(url, error.message, "does it serve them at another path?");
    }
    if (isAboutCertificate(error)) {
      throw new LaunchFailure("target", {
        what: `The certificate of ${url.host} is not trusted`,
        cause: error.message,
        next: [BY_HAND],
      });
    }
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
