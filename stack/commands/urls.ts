/** The addresses of the running services. */
import { type Context, grafanaLogin, notRunning } from "../context.ts";
import { createEndpoints } from "../endpoints.ts";
import { addressesOf, createReport, type Report } from "../output/report.ts";

export async function urls(context: Context): Promise<Report> {
  const addresses = addressesOf(
    createEndpoints(await context.compose.ps()),
    await grafanaLogin(context),
    context.selection,
  );
  return createReport(context, { addresses, failures: addresses.length === 0 ? [notRunning()] : [] });
}
