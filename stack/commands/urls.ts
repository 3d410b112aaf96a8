/** The addresses of the running services. */
import { type Context, grafanaLogin, notRunning } from "../context.ts";
import { createEndpoints } from "../endpoints.ts";
import { addressesOf, createReport, type Report } from "../output/report.ts";

export async function urls(context: Context): Promise<Report> {
  const { paths, compose } = context;
  const addresses = addressesOf(createEndpoints(await compose.ps()), await grafanaLogin(paths));
  return createReport(context, { addresses, failures: addresses.length === 0 ? [notRunning()] : [] });
}
