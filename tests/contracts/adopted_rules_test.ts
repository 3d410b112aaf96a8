/**
 * The alerts that `adopt` writes fire when they should and stay silent when they should: promtool's own
 * tests, on the rules as they are written. Without promtool they are skipped with a message; with
 * REQUIRE_SERVICES=1, as in CI, that is a failure.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import { serviceFiles } from "../../stack/extensions/service_files.ts";
import { SHOP } from "../support/adopted_service.ts";
import { isInstalled } from "../support/program.ts";

const PROMTOOL = Deno.env.get("PROMTOOL") ?? "promtool";
const found = await isInstalled(PROMTOOL);
const required = Deno.env.get("REQUIRE_SERVICES") === "1";
if (!found && !required) {
  // deno-lint-ignore no-console -- a skipped test must not look like a passed one
  console.warn("SKIPPED: the alerts of adopted services. Put promtool on PATH or its path into PROMTOOL.");
}

const TARGET = 'job="shop", instance="localhost:3000", component="shop", service="shop"';
const requests = (code: number, perScrape: number, route = "/orders") => ({
  series: `http_request_duration_seconds_count{${TARGET}, code="${code}", route="${route}"}`,
  values: `0+${perScrape}x80`,
});
const up = (values: string) => ({ series: `up{${TARGET}}`, values });
/** Of 20 requests per scrape, how many took at most that long. */
const took = (le: string, perScrape: number) => ({
  series: `http_request_duration_seconds_bucket{${TARGET}, code="200", route="/orders", le="${le}"}`,
  values: `0+${perScrape}x80`,
});

interface Case {
  readonly name: string;
  readonly series: readonly { readonly series: string; readonly values: string }[];
  /** At 15 minutes: alert → what its description says, or that it is silent. */
  readonly expected: Readonly<Record<string, string | undefined>>;
}

const DOWN = "Prometheus has not been able to scrape shop for a minute.";
const CASES: readonly Case[] = [
  { name: "a target that is down", series: [up("1x20 0x60")], expected: { ServiceDown: DOWN } },
  { name: "a job without a target", series: [], expected: { ServiceDown: DOWN } },
  { name: "a target that is up", series: [up("1x80")], expected: { ServiceDown: undefined } },
  {
    name: "10 % of failures",
    series: [up("1x80"), requests(200, 18), requests(500, 2)],
    expected: { ServiceErrors: "10% of its requests return a 5xx (limit 5 %)." },
  },
  {
    name: "4 % of failures",
    series: [up("1x80"), requests(200, 96), requests(500, 4)],
    expected: { ServiceErrors: undefined },
  },
  {
    name: "nothing but failures, five of them in as many minutes, and failing health checks",
    series: [up("1x80"), requests(500, 0.25), requests(503, 100, "/health/ready")],
    expected: { ServiceErrors: undefined },
  },
  {
    name: "one of ten slower than 1 s",
    series: [up("1x80"), requests(200, 20), took("1", 18), took("2", 20), took("+Inf", 20)],
    expected: { ServiceSlow: "One request in 20 takes longer than 1.5s (limit 1 s)." },
  },
  {
    name: "one of fifty slower than 1 s",
    series: [up("1x80"), requests(200, 50), took("0.5", 49), took("1", 49), took("+Inf", 50)],
    expected: { ServiceSlow: undefined },
  },
];

Deno.test({
  name: "the alerts of an adopted service fire and stay silent as they should",
  ignore: !found && !required,
  fn: async () => {
    const dir = await Deno.makeTempDir();
    try {
      const { groups } = await rules(dir);
      const tests = CASES.map(({ name, series, expected }) => ({
        name,
        interval: "15s",
        input_series: series,
        alert_rule_test: Object.entries(expected).map(([alertname, description]) => ({
          eval_time: "15m",
          alertname,
          exp_alerts: description === undefined ? [] : [fired(groups, alertname, description, series)],
        })),
      }));
      const file = join(dir, "test.yml");
      await Deno.writeTextFile(
        file,
        stringify({ rule_files: ["shop.yml"], evaluation_interval: "15s", tests }),
      );
      const { success, stdout, stderr } = await new Deno.Command(PROMTOOL, { args: ["test", "rules", file] })
        .output();
      assert.ok(success, [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes)).join(""));
    } finally {
      await Deno.remove(dir, { recursive: true });
    }
  },
});

interface RuleFile {
  readonly groups: readonly {
    readonly rules: readonly {
      readonly alert: string;
      readonly labels: Readonly<Record<string, string>>;
      readonly annotations: Readonly<Record<string, string>>;
    }[];
  }[];
}

async function rules(dir: string): Promise<RuleFile> {
  const text = serviceFiles(SHOP).get("rules/shop.yml")!;
  await Deno.writeTextFile(join(dir, "shop.yml"), text);
  return parse(text);
}

function fired(
  groups: RuleFile["groups"],
  alertname: string,
  description: string,
  series: Case["series"],
): unknown {
  const { labels, annotations } = groups[0]!.rules.find(({ alert }) => alert === alertname)!;
  // `up` keeps its target's labels, `absent` knows those that were asked for.
  const kept = alertname !== "ServiceDown"
    ? {}
    : { job: "shop", ...(series.length > 0 && { instance: "localhost:3000" }) };
  return {
    exp_labels: { ...labels, ...kept },
    exp_annotations: { ...annotations, description, dashboard_url: "/d/own-shop" },
  };
}
