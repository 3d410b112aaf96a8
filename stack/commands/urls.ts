import { Endpoints } from "../docker/endpoints.ts";
import { LaunchFailure } from "../failure.ts";
import { addressesOf, type Report } from "../output/report.ts";
import { grafanaLogin, type Session } from "../context.ts";

/** Where the running services answer. */
export async function urls({ host, home, compose, selection }: Session): Promise<Report> {
  const started = host.now();
  const endpoints = new Endpoints(await compose.ps());
  const addresses = addressesOf(endpoints, await grafanaLogin(home));
  const none = new LaunchFailure("service", {
    what: "Nothing runs",
    next: ["start it: deno task monitoring"],
  });
  return {
    verb: "urls",
    seconds: (host.now() - started) / 1000,
    phases: [],
    failures: addresses.length === 0 ? [none] : [],
    leftOut: selection.leftOut.map((s) => s.name),
    addresses,
  };
}
