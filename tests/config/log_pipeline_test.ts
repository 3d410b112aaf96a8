/** How Promtail turns a container's line into labels and structured metadata. */
import assert from "node:assert/strict";
import { parse } from "yaml";
import { API_SERVICE } from "../../core/telemetry/tracing.ts";
import { interpolate, readComposeFile, readRepositoryFile } from "../support/compose_file.ts";

// deno-lint-ignore no-explicit-any -- stages are a union of thirty forms
type Stage = Record<string, any>;

const promtail = parse(readRepositoryFile("config/promtail-config.yml"));
const stages = promtail.scrape_configs[0].pipeline_stages as Stage[];
const stage = (name: string) => stages.filter((stage) => name in stage).map((stage) => stage[name]);

Deno.test("level, service, container and job are labels; ids are structured metadata", () => {
  const labels = stage("labels").flatMap((labels) => Object.keys(labels));
  assert.deepEqual(labels, ["container", "project", "service", "own", "level"]);
  assert.deepEqual(stage("labeldrop"), [["filename", "project", "own"]]);
  assert.deepEqual(Object.keys(stage("structured_metadata")[0]), ["trace_id", "span_id", "thought_id"]);
});

Deno.test("what promtail reads from a line is what docker-compose.yml puts there", () => {
  const { expressions } = stage("json")[0];
  const { options } = readComposeFile().services.api!.logging!;
  assert.equal(expressions.container, "attrs.tag");
  assert.equal(options.tag, "{{.Name}}");
  for (const name of ["project", "service"]) {
    const label = /^attrs\."(.+)"$/.exec(expressions[name])![1]!;
    assert.ok(options.labels!.split(",").includes(label), label);
  }
});

Deno.test("lines of other projects are dropped unless they name their service, and this one's name is known", () => {
  const drop = stage("match").find((match) => match.action === "drop");
  assert.equal(drop.selector, '{project!="${PROJECT}", own=""}');
  assert.equal(stage("json")[0].expressions.own, 'attrs."thought-processor.service"');
  assert.equal(readComposeFile().services.promtail!.environment!.PROJECT, "thought-processor");
});

Deno.test("the API's and the workers' lines carry the names that their traces carry", () => {
  const renamed = stage("match").find((match) => match.selector === '{service="api"}');
  assert.equal(renamed.stages[0].static_labels.service, API_SERVICE);
  assert.equal(serviceOf("worker/main.ts"), "kafka-worker");
});

Deno.test("levels are found in lines of every program here", () => {
  const [word, klog] = stage("regex").map(({ expression }) =>
    // JavaScript writes RE2's (?P<…>) and (?i:…) differently.
    new RegExp(expression.replaceAll("(?P<", "(?<"))
  );
  const lines: [string, string | undefined][] = [
    ["2026-11-23 02:46:03.725 UTC [95] ERROR:  column does not exist", "ERROR"],
    ["2026-11-23 02:47:22.372 UTC [1] LOG:  received fast shutdown request", "LOG:"],
    ["time=2026-11-23T02:46:44.280Z level=INFO source=a.go:1 msg=no-error", "INFO"],
    ["level=warn ts=2026-11-23T02:46:55Z caller=promtail.go:267", "warn"],
    ["[2026-11-23 02:46:03,725] INFO [Controller id=1] started", "INFO"],
    ["error: Uncaught (in promise) Error: boom", "error"],
    ["I1123 02:46:54.053582       1 kafka_exporter.go:850] Starting", undefined],
    ["All of the log directories are already formatted.", undefined],
  ];
  for (const [line, level] of lines) assert.equal(word!.exec(line)?.groups?.word, level, line);
  assert.equal(klog!.exec("I1123 02:46:54.053582  1 a.go:850] x")?.groups?.klog, "I");
});

Deno.test("by Docker's API lines get the same labels: from the second step on the pipelines are one", () => {
  const api = parse(readRepositoryFile("config/promtail-docker-config.yml"));
  const [scrape] = api.scrape_configs;
  const fromJob = (list: Stage[]) => list.slice(list.findIndex(({ static_labels }) => static_labels?.job));
  assert.deepEqual(fromJob(scrape.pipeline_stages), fromJob(stages));
  assert.ok(fromJob(stages).length > 8);
  assert.deepEqual([api.server, api.positions, api.clients], [
    promtail.server,
    promtail.positions,
    promtail.clients,
  ]);
  const labels = scrape.relabel_configs.flatMap((rule: Stage) => rule.target_label ?? []);
  assert.deepEqual(labels, ["container", "project", "service", "own"]);
  assert.equal(scrape.relabel_configs[0].regex, "${PROJECT};.*|.*;.+");
});

Deno.test("promtail alone reaches Docker's API, and only to read", () => {
  const text = readRepositoryFile("docker-compose.logs.yml").replace("!override", "");
  const { services, networks } = parse(interpolate(text), { merge: true });
  const docker = services["docker-api"];
  assert.deepEqual([docker.networks, docker.cap_drop, docker.read_only], [["docker_api"], ["ALL"], true]);
  assert.equal(docker.ports, undefined);
  assert.deepEqual(services.promtail.networks, ["edge", "docker_api"]);
  assert.equal(networks.docker_api.internal, true);
  assert.match(docker.image, /^nginx:\d+\.\d+\.\d+$/);
  const mounted: string[] = services.promtail.volumes;
  assert.ok(mounted.every((volume) => /^(promtail_positions:|\.\/config\/)/.test(volume)));
  const config = readRepositoryFile("config/docker-api/nginx.conf");
  const [, pattern] = /location ~ "(.*)" \{\n +limit_except GET/.exec(config)!;
  const isServed = (path: string) => new RegExp(pattern!).test(path);
  for (
    const path of ["/_ping", "/v1.44/containers/json", "/v1.44/containers/0a/logs", "/networks", "/info"]
  ) {
    assert.ok(isServed(path), path);
  }
  for (
    const path of ["/containers/0a/exec", "/containers/0a/archive", "/images/json", "/volumes", "/events"]
  ) {
    assert.ok(!isServed(path), path);
  }
});

Deno.test("positions outlive the container", () => {
  const folder = promtail.positions.filename.replace(/\/[^/]+$/, "");
  const { volumes } = readComposeFile().services.promtail!;
  assert.ok(volumes!.includes(`promtail_positions:${folder}`));
  assert.ok(volumes!.some((volume) => volume.endsWith("/var/lib/docker/containers:ro")));
});

/** The name that a program gives its log lines and spans. */
function serviceOf(program: string): string | undefined {
  return /^const SERVICE = "(.+)";$/m.exec(Deno.readTextFileSync(program))?.[1];
}
