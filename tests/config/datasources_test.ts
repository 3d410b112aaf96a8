/** Grafana's data sources: uids, addresses, and the links from signal to signal. */
import assert from "node:assert/strict";
import { parse } from "yaml";
import { readComposeFile, readRepositoryFile } from "../support/compose_file.ts";

interface DataSource {
  readonly uid: string;
  readonly type: string;
  readonly url: string;
  readonly isDefault?: boolean;
  // deno-lint-ignore no-explicit-any -- each type of data source has a form of its own
  readonly jsonData: any;
}

const provisioning = "config/grafana/provisioning";
const text = readRepositoryFile(`${provisioning}/datasources/datasources.yml`);
const datasources = parse(text).datasources as DataSource[];
const byUid = (uid: string) => datasources.find((datasource) => datasource.uid === uid)!;

/** Every value of a key, however deep. */
function values(node: unknown, key: string): unknown[] {
  if (typeof node !== "object" || node === null) return [];
  return Object.entries(node).flatMap(([name, value]) => name === key ? [value] : values(value, key));
}

Deno.test("the data sources have the uids that dashboards and links use", () => {
  assert.deepEqual(datasources.map(({ uid, type }) => `${uid}: ${type}`), [
    "prometheus: prometheus",
    "loki: loki",
    "tempo: tempo",
    "alertmanager: alertmanager",
  ]);
  assert.deepEqual(datasources.filter((datasource) => datasource.isDefault).map(({ uid }) => uid), [
    "prometheus",
  ]);
});

Deno.test("every uid that a data source refers to exists", () => {
  const referred = [...values(datasources, "datasourceUid"), ...values(datasources, "alertmanagerUid")];
  assert.ok(referred.length >= 6);
  for (const uid of referred) assert.ok(byUid(String(uid)), String(uid));
});

Deno.test("every uid that a dashboard refers to exists", async (t) => {
  const folder = new URL("../../config/grafana/dashboards/", import.meta.url);
  for (const { name } of Deno.readDirSync(folder)) {
    if (!name.endsWith(".json")) continue;
    await t.step(name, () => {
      const dashboard = JSON.parse(Deno.readTextFileSync(new URL(name, folder)));
      const chosen = new Map<string, string>(
        dashboard.templating.list.filter(({ type }: { type: string }) => type === "datasource").map(
          (variable: { name: string; current: { value: string } }) => [
            `\${${variable.name}}`,
            variable.current.value,
          ],
        ),
      );
      assert.equal(chosen.size, 3);
      const referred = values(dashboard, "datasource").map((value) => (value as { uid?: string })?.uid);
      for (const uid of referred) {
        if (uid && !uid.startsWith("-- ")) assert.ok(byUid(chosen.get(uid) ?? uid), uid);
      }
    });
  }
});

Deno.test("each data source's address is a service and a port that exist", () => {
  const { services } = readComposeFile();
  for (const { uid, url } of datasources) {
    const { hostname, port } = new URL(url);
    assert.ok(services[hostname]?.expose?.includes(port), uid);
  }
});

Deno.test("every signal links to the others", () => {
  const prometheus = byUid("prometheus").jsonData;
  assert.deepEqual(prometheus.exemplarTraceIdDestinations, [{ name: "trace_id", datasourceUid: "tempo" }]);
  const [toTrace] = byUid("loki").jsonData.derivedFields;
  assert.equal(toTrace.datasourceUid, "tempo");
  assert.equal(toTrace.matcherRegex, "trace_id"); // Promtail's structured metadata
  const tempo = byUid("tempo").jsonData;
  assert.equal(tempo.tracesToLogsV2.datasourceUid, "loki");
  assert.equal(tempo.tracesToMetrics.datasourceUid, "prometheus");
  assert.equal(tempo.serviceMap.datasourceUid, "prometheus");
});

Deno.test("Grafana would not mistake a variable for one of its own", () => {
  // In provisioning files $x is an environment variable; Grafana's own are written $$x.
  for (const [variable] of text.replaceAll("$__rate_interval", "").matchAll(/(?<!\$)\$[{_a-z]\S*/gi)) {
    assert.fail(`${variable} needs a second $`);
  }
});

Deno.test("dashboards come from the folder that is mounted, into `Thought Processor`", () => {
  const [provider] = parse(readRepositoryFile(`${provisioning}/dashboards/dashboards.yml`)).providers;
  assert.equal(provider.folder, "Thought Processor");
  const { volumes, environment } = readComposeFile().services.grafana!;
  assert.ok(volumes!.includes(`./config/grafana/dashboards:${provider.options.path}:ro,z`));
  // Grafana 13 keeps its data sources as plugins that it would replace at start.
  assert.equal(environment!.GF_PLUGINS_PREINSTALL_DISABLED, "true");
  assert.equal(environment!.GF_PLUGINS_PREINSTALL_AUTO_UPDATE, "false");
});
