/**
 * Every alert has a limit from core/telemetry/thresholds.ts, tests that make it fire and keep it silent, and
 * a runbook.
 */
import assert from "node:assert/strict";
import {
  BURN_RATES,
  MIN_BAD_EVENTS,
  MIN_CACHE_LOOKUPS_PER_S,
  MIN_FORECAST_SAMPLES,
  MIN_QUANTILE_EVENTS,
  MIN_WINDOW_SHARE,
  OBJECTIVES,
  type Threshold,
  THRESHOLDS,
} from "../../core/telemetry/thresholds.ts";
import { parse } from "yaml";
import { DASHBOARDS } from "../../stack/dashboards/boards.ts";
import { readDashboards } from "../../stack/dashboards/model.ts";
import { bucketsOf } from "./known_metrics.ts";
import { parsePromQL, windowSeconds } from "../../stack/dashboards/promql.ts";
import { readAlertCases, readRules, type Rule } from "./rules.ts";

/** Where the runbooks are, one heading per alert. */
const RUNBOOKS = "docs/runbooks.md";
const SECTIONS = ["Meaning", "Impact", "Diagnosis", "Mitigation"];
/** What an alert may require besides its threshold, to ignore a few events or samples. */
/** What is processed within the time that an objective allows is not behind. */
const GRANTED_SECONDS = OBJECTIVES.completion.withinSeconds;
const MINIMA = [
  GRANTED_SECONDS,
  MIN_BAD_EVENTS,
  MIN_QUANTILE_EVENTS,
  MIN_FORECAST_SAMPLES,
  MIN_CACHE_LOOKUPS_PER_S,
];
const COMPONENTS = [
  "api",
  "workers",
  "database",
  "queue",
  "cache",
  "model",
  "webhooks",
  "host",
  "monitoring",
];
const SYMPTOMS = ["errors", "waiting", "canary"];
/** Before a symptom fires, its cause must have, by more than Alertmanager waits for others of a group. */
const CAUSE_FIRES_AFTER = "1m";
/** The canary is a symptom of all others, which take five minutes. */
const SYMPTOM_FIRES_AFTER = ["3m", "5m", "7m", "15m"];
const SEVERITIES = ["critical", "warning", "info", "none"];
/** Always fires, by design; nothing keeps it silent. */
const ALWAYS_FIRES = ["Watchdog"];

const rules = await readRules();
const alerts = rules.filter((rule): rule is Rule & { alert: string } => rule.alert !== undefined);
const cases = await readAlertCases();
/** Those that an alert compares with; the others only colour. */
const thresholds = Object.values(THRESHOLDS).filter((threshold: Threshold) =>
  threshold.alert !== undefined
) as readonly (Threshold & { readonly alert: string })[];

Deno.test("every threshold's alert compares with that threshold", () => {
  for (const threshold of thresholds) {
    const mine = alerts.filter(({ alert }) => alert === threshold.alert);
    assert.notEqual(mine.length, 0, `no rule is called ${threshold.alert}`);
    for (const rule of mine) {
      const expected = rule.labels?.severity === "critical" ? threshold.critical : threshold.warn;
      const compared = parsePromQL(rule.expr).limits.map(({ op, value }) => `${op} ${value}`);
      // The one limit that is no number: as many workers as the deployment expects.
      if (rule.expr.includes("batch_processor_expected_workers")) continue;
      const wanted = `${threshold.bad === "above" ? ">" : "<"} ${expected}`;
      assert.ok(compared.includes(wanted), `${name(rule)} compares ${compared.join(", ")} and not ${wanted}`);
    }
  }
});

Deno.test("no alert compares with a number of its own", () => {
  for (const rule of alerts) {
    const own = thresholds.filter(({ alert }) => alert === rule.alert).flatMap((
      { warn, critical },
    ) => [warn, critical]);
    const burn = BURN_RATES.filter(({ alert }) => alert === rule.alert)
      .flatMap(({ rate, long }) => [rate, samplesNeeded(long)]);
    // 0 and 1 are states - down, none, any - not limits.
    const allowed = [0, 1, ...own, ...burn, ...MINIMA];
    const strange = parsePromQL(rule.expr).limits.map(({ value }) => value).filter((v) =>
      !allowed.includes(v)
    );
    assert.deepEqual(
      strange,
      [],
      `${name(rule)} has limits that core/telemetry/thresholds.ts does not declare`,
    );
  }
});

Deno.test("descriptions name the limits", () => {
  for (const { alert, unit, warn, critical } of thresholds) {
    if (warn === 0 || alert === THRESHOLDS.activeWorkers.alert) continue;
    const rule = alerts.find((rule) => rule.alert === alert)!;
    const limits = [warn, ...critical === undefined || rule.labels?.severity === "info" ? [] : [critical]];
    for (const limit of limits.map((value) => spoken(value, unit))) {
      assert.ok(
        rule.annotations?.description?.includes(limit),
        `${name(rule)} does not say its limit ${limit}`,
      );
    }
  }
});

Deno.test("burn-rate alerts use the workbook's windows and factors, and the objectives their targets", () => {
  for (const { alert, long, short, rate } of BURN_RATES) {
    const rule = alerts.find((rule) => rule.alert === alert && rule.labels?.window === long);
    assert.ok(rule, `no ${alert} over ${long}`);
    assert.match(rule.expr, new RegExp(`slo:burn_rate:${long} > ${rate}\\s`));
    assert.match(rule.expr, new RegExp(`slo:burn_rate:${short} > ${rate}\\s`));
    assert.match(rule.expr, new RegExp(`rate5m\\[${long}\\]\\) \\* 30 >= ${MIN_BAD_EVENTS}`));
    assert.match(rule.expr, new RegExp(`events:rate5m\\[${long}\\]\\) >= ${samplesNeeded(long)}\\s`));
  }
  const targets = rules.filter(({ record }) => record === "slo:objective")
    .map(({ labels, expr }) => [labels?.slo, Number(expr.match(/vector\((.+)\)/)?.[1])]);
  assert.deepEqual(targets, Object.entries(OBJECTIVES).map(([slo, { target }]) => [slo, target]));
});

Deno.test("each objective's limit is the one its rule counts by", () => {
  for (const [slo, objective] of Object.entries(OBJECTIVES)) {
    if (!("withinSeconds" in objective)) continue;
    const rule = rules.find(({ record, labels }) =>
      record === "slo:bad_events:rate5m" && labels?.slo === slo
    )!;
    const { selectors, limits } = parsePromQL(rule.expr);
    const counted = [
      ...selectors.map(({ labels }) => Number(labels.get("le"))),
      ...limits.map(({ value }) => value),
    ];
    assert.ok(
      counted.includes(objective.withinSeconds),
      `${slo} should count by ${objective.withinSeconds} s`,
    );
  }
});

Deno.test("every limit of a quantile is a bound of its histogram: between bounds a quantile is a guess", () => {
  for (const rule of alerts) {
    const threshold = thresholds.find(({ alert }) => alert === rule.alert);
    if (threshold === undefined) continue;
    const { warn, critical = warn } = threshold;
    for (const metric of quantileMetrics(rule.expr)) {
      for (const limit of [warn, critical]) {
        assert.ok(bucketsOf(metric).includes(limit), `${name(rule)}: ${metric} has no bucket at ${limit}`);
      }
    }
  }
});

Deno.test("every alert names a component, or its target does; those that something causes name their symptom", () => {
  for (const rule of alerts) {
    const { component, symptom } = rule.labels ?? {};
    const tested = cases.filter(({ alert }) => alert === rule.alert).flatMap(({ components }) => components);
    const named = component === undefined || component.startsWith("{{") ? tested : [component];
    assert.ok(named.some((one) => COMPONENTS.includes(one ?? "")), `${name(rule)}: ${component}`);
    if (symptom === undefined || symptom.startsWith("{{")) continue;
    assert.ok(SYMPTOMS.includes(symptom), `${name(rule)}: ${symptom}`);
    assert.ok(SYMPTOM_FIRES_AFTER.includes(rule.for ?? ""), `${name(rule)} fires after ${rule.for}`);
  }
});

Deno.test("a cause fires before its symptoms, and keeps firing until their windows have passed", async () => {
  const { inhibit_rules } = parse(await Deno.readTextFile("config/alertmanager.yml")) as {
    inhibit_rules: { source_matchers: string[]; target_matchers: string[] }[];
  };
  const causes = inhibit_rules
    .filter(({ target_matchers }) => target_matchers.some((matcher) => /^symptom = /.test(matcher)))
    .flatMap(({ source_matchers, target_matchers }) =>
      (source_matchers.join().match(/alertname =~? "([^"]+)"/)?.[1]?.split("|") ?? []).map((cause) => ({
        cause,
        isOfCanary: target_matchers.join() === 'symptom = "canary"',
      }))
    );
  assert.ok(causes.length > 0);
  const canary = alerts.find(({ alert }) => alert === "CanaryFailing")!;
  for (const { cause, isOfCanary } of causes) {
    // Where an alert has two severities, the critical one is the cause.
    const rule = alerts.findLast(({ alert }) => alert === cause);
    // The canary, one of the callers, is the last to be told of what they all suffer.
    if (isOfCanary && rule?.labels?.symptom !== undefined) {
      assert.ok(windowSeconds(rule.for ?? "") < windowSeconds(canary.for ?? ""), `${cause} comes too late`);
      continue;
    }
    assert.equal(rule?.for, CAUSE_FIRES_AFTER, cause);
    assert.match(rule?.keep_firing_for ?? "", /^\d+m$/, cause);
    assert.equal(rule?.labels?.symptom, undefined, cause);
  }
});

Deno.test("every alert is tested firing, at each severity, and silent", () => {
  for (const { alert, labels } of alerts) {
    const mine = cases.filter((tested) => tested.alert === alert);
    const severity = labels?.severity ?? "";
    assert.ok(
      mine.some((c) => c.severities.includes(severity)),
      `no test makes ${alert} fire as ${severity}`,
    );
    if (ALWAYS_FIRES.includes(alert)) continue;
    assert.ok(mine.some((c) => c.severities.length === 0), `no test keeps ${alert} silent`);
  }
});

Deno.test("every alert says how bad it is, what is wrong, how much, and what to do", () => {
  for (const rule of alerts) {
    const { summary = "", description = "", action = "", runbook_url, dashboard_url = "" } =
      rule.annotations ??
        {};
    assert.ok(SEVERITIES.includes(rule.labels?.severity ?? ""), `${name(rule)} has no known severity`);
    assert.ok(
      [summary, description, action].every((text) => text.length > 0),
      `${name(rule)} needs a summary, a description and a first action`,
    );
    const limited = thresholds.some(({ alert, warn }) => alert === rule.alert && warn > 0);
    if (limited && rule.alert !== THRESHOLDS.activeWorkers.alert) {
      assert.match(summary + description, /\$value/, `${name(rule)} does not say the value`);
    }
    assert.equal(runbook_url, `{{ $externalLabels.runbooks }}/${rule.alert}`);
    assert.match(dashboard_url, /^\{\{ \$externalLabels\.grafana \}\}\/d\//, name(rule));
    const boards = boardsOf(dashboard_url);
    assert.ok(
      boards.length > 0 && boards.every((board) => board in DASHBOARDS),
      `${name(rule)}: no dashboard ${dashboard_url}`,
    );
  }
});

Deno.test("links are made of Prometheus's external labels, and no rule has a label of their names", async () => {
  const { global } = parse(await Deno.readTextFile("config/prometheus.yml"));
  const external = Object.keys(global.external_labels);
  for (const rule of alerts) {
    const texts = Object.values(rule.annotations ?? {}).join("\n");
    for (const [, label = ""] of texts.matchAll(/\$externalLabels\.(\w+)/g)) {
      assert.ok(external.includes(label), `${name(rule)}: Prometheus has no external label ${label}`);
    }
    const own = Object.keys(rule.labels ?? {}).filter((label) => external.includes(label));
    assert.deepEqual(own, [], name(rule));
  }
});

Deno.test("absence has to last: a restart of Prometheus or a missed scrape is not missed", () => {
  const hasty = alerts.filter(({ expr, for: wait = "0m" }) =>
    /\babsent/.test(expr) && windowSeconds(wait) < 60
  );
  assert.deepEqual(hasty.map(name), []);
});

Deno.test("no rule looks back further than Prometheus keeps its samples", async () => {
  const compose = await Deno.readTextFile("docker-compose.yml");
  const retention = compose.match(/retention\.time=\$\{PROMETHEUS_RETENTION:-(\w+)\}/)?.[1] ?? "";
  const windows = rules.flatMap(({ expr }) => parsePromQL(expr).windows.map(windowSeconds));
  assert.equal(Math.max(...windows), windowSeconds(retention));
});

Deno.test("an alert about one process leads to the dashboard of that process", async () => {
  const dashboards = await readDashboards();
  for (const rule of alerts) {
    const { dashboard_url = "", summary = "", description = "" } = rule.annotations ?? {};
    const picked = [...dashboard_url.matchAll(/var-(\w+)=\{\{ \$labels\.(\w+) \}\}/g)];
    for (const uid of boardsOf(dashboard_url)) {
      const variables = dashboards.find((board) => board.uid === uid)!.variables.map((variable) =>
        variable.name
      );
      for (const [, variable = ""] of picked) {
        assert.ok(variables.includes(variable), `${name(rule)}: ${uid} has no variable ${variable}`);
      }
      // A probe's instance is the address that it probes.
      const isProcess = /\$labels\.instance/.test(summary + description) && !/probe_/.test(rule.expr);
      if (!isProcess || !variables.includes("instance")) continue;
      assert.ok(
        picked.some(([, , label]) => label === "instance"),
        `${name(rule)} does not pick its instance`,
      );
    }
  }
});

Deno.test("every alert has a runbook with all its sections, and every runbook an alert", async () => {
  const text = await Deno.readTextFile(RUNBOOKS);
  const runbooks = new Map(
    text.split(/^(?=#{1,2} )/m).map((part) => [part.match(/^## ([A-Z]\w+)\n/)?.[1] ?? "", part]),
  );
  for (const alert of new Set(alerts.map(({ alert }) => alert))) {
    const runbook = runbooks.get(alert);
    assert.ok(runbook, `${RUNBOOKS} has no heading ${alert}`);
    for (const section of SECTIONS) {
      assert.ok(runbook.includes(`**${section}.**`), `${alert} lacks "${section}"`);
    }
  }
  const strangers = [...runbooks].filter(([heading, part]) =>
    part.includes("**Mitigation.**") && !alerts.some(({ alert }) => alert === heading)
  );
  assert.deepEqual(strangers.map(([heading]) => heading), [], "runbooks of alerts that do not exist");
});

Deno.test("JobAbsent names every job that Prometheus scrapes", async () => {
  const config = await Deno.readTextFile("config/prometheus.yml");
  const jobs = [...config.matchAll(/job_name: (\S+)/g)].map(([, job]) => job).sort();
  const rule = alerts.find(({ alert }) => alert === "JobAbsent")!;
  const selectors = parsePromQL(rule.expr).selectors.filter(({ metric }) => metric === "up");
  assert.deepEqual(selectors.map(({ labels }) => labels.get("job")).sort(), jobs);
  for (const { labels } of selectors) {
    const [, own = ""] = config.split(`job_name: ${labels.get("job")}\n`);
    const component = own.match(/component(?:: |, replacement: )(\w+)/)?.[1];
    assert.equal(labels.get("component"), component, `component of ${labels.get("job")}`);
  }
});

/** The dashboards that a link, which may be a template, leads to. */
function boardsOf(dashboardUrl: string): string[] {
  return [...dashboardUrl.matchAll(/\btp-[\w]+/g)].map(([uid]) => uid);
}

/** How many of the samples of a long window an alert over it needs; the group's interval is 30 s. */
function samplesNeeded(long: string): number {
  return windowSeconds(long) / 30 * MIN_WINDOW_SHARE;
}

function name(rule: Rule): string {
  return `${rule.alert} (${rule.labels?.severity})`;
}

/** Histograms under a histogram_quantile, also through a recorded rule. */
function quantileMetrics(expr: string): string[] {
  const { quantiles, selectors } = parsePromQL(expr);
  const recorded = selectors.flatMap(({ metric }) => {
    const rule = rules.find(({ record }) => record === metric);
    return rule === undefined ? [] : quantileMetrics(rule.expr);
  });
  return [...quantiles.flatMap(({ metrics }) => metrics), ...recorded];
}

/** A limit as the descriptions write it: 1 %, 30 s, 2 min, 500 MB, 1 GB, 100. */
function spoken(value: number, unit: Threshold["unit"]): string {
  if (unit === "ratio") return `${Math.round(value * 100)} %`;
  if (unit === "seconds" && value >= 86_400) return `${value / 86_400} d`;
  if (unit === "seconds") return value <= 60 ? `${value} s` : `${value / 60} min`;
  if (unit === "usd") return `${value} USD`;
  if (unit === "bytes") return value >= 1e9 ? `${value / 1e9} GB` : `${value / 1e6} MB`;
  return value >= 1e9 ? `${value / 1e9}G` : String(value);
}
