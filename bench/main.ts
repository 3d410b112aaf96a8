/** `deno task bench`: throughput, latency, memory and costs, as a table or as JSON. */
import { cpus } from "node:os";
import { Command, InvalidArgumentError, Option } from "commander";
import { table } from "./table.ts";
import { OPTIONAL_PARTS, type Part, PARTS, runSuite } from "./suite.ts";

const whole = (text: string) => {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) {
    throw new InvalidArgumentError("It must be a whole number above 0.");
  }
  return value;
};

const options = new Command("bench")
  .description("Measure throughput, latency, memory and what metrics, logs and traces cost.")
  .option("--json", "one JSON object on stdout", false)
  .option("--seconds <n>", "load on the API, each time", whole, 10)
  .option("--connections <n>", "connections to the API", whole, 64)
  .option("--thoughts <n>", "thoughts queued for the worker", whole, 20_000)
  .option("--minutes <n>", "of a soak", whole, 30)
  .option("--stored <n>", "thoughts stored, for growth: takes half a kB of disk each", whole, 10_000_000)
  .option("--waiting <n>", "thoughts that wait beside them", whole, 1_000_000)
  .option("--pictures <folder>", "where profiles go", ".")
  .addOption(new Option("--only <part...>", "only these").choices(PARTS))
  .addHelpText(
    "after",
    "\nServices: DATABASE_URL, REDIS_URL and KAFKA_BROKERS, or the same with TEST_ in front; embedded without them.",
  )
  .parse([Deno.execPath(), "bench", ...Deno.args])
  .opts<{
    json: boolean;
    seconds: number;
    connections: number;
    thoughts: number;
    minutes: number;
    stored: number;
    waiting: number;
    pictures: string;
    only?: Part[];
  }>();

const loadBefore = Deno.loadavg()[0];
const results = await runSuite({
  ...options,
  parts: options.only ?? PARTS.filter((part) => !OPTIONAL_PARTS.includes(part)),
  growth: { stored: options.stored, waiting: options.waiting },
  // deno-lint-ignore no-console -- progress, for a person
  onStep: (step) => console.error(`… ${step}`),
});
const [cpu] = cpus();
const machine = {
  cpus: cpus().length,
  model: cpu?.model ?? "unknown",
  deno: Deno.version.deno,
  /** Load average of the last minute: above the number of CPUs, absolute figures say little. */
  loadBefore,
  loadAfter: Deno.loadavg()[0],
};
// deno-lint-ignore no-console -- the result
console.log(options.json ? JSON.stringify({ machine, ...results }, null, 2) : table({ machine, ...results }));
