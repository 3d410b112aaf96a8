/**
 * Runs the API or the worker with instruments that do nothing, to measure the cost of metrics:
 *
 *     deno run -A bench/without_metrics.ts api/main.ts
 */
import { Counter, Gauge, Histogram } from "prom-client";

for (const instrument of [Counter, Gauge, Histogram]) {
  for (const method of ["inc", "dec", "set", "observe", "zero"]) {
    if (method in instrument.prototype) Object.assign(instrument.prototype, { [method]() {} });
  }
}
await import(`../${Deno.args[0]}`);
