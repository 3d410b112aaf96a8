/** `adopt`: a person's own service is monitored, completely or not at all. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { EXIT } from "../../stack/failure.ts";
import { type Behaviour, fakeStack } from "./fake_stack.ts";
import { createMachine, type Machine } from "./run_launcher.ts";
import { type Answer, healthyContainers, psJson, scriptDocker } from "./scripted_docker.ts";

const METRICS = `# HELP http_request_duration_seconds Durations.
# TYPE http_request_duration_seconds histogram
http_request_duration_seconds_bucket{method="GET",route="/cart",status_code="200",le="0.5"} 3
http_request_duration_seconds_bucket{method="GET",route="/cart",status_code="200",le="1.5"} 4
http_request_duration_seconds_bucket{method="GET",route="/cart",status_code="200",le="+Inf"} 4
http_request_duration_seconds_sum{method="GET",route="/cart",status_code="200"} 2.2
http_request_duration_seconds_count{method="GET",route="/cart",status_code="200"} 4
# TYPE nodejs_eventloop_lag_p99_seconds gauge
nodejs_eventloop_lag_p99_seconds 0.01
`;

/** A person's service, on an address that containers can reach or on loopback only. */
function service(body: string, { hostname = "0.0.0.0", status = 200 } = {}) {
  return Deno.serve({ port: 0, hostname, onListen: () => {} }, () => new Response(body, { status }));
}

interface Setting extends AsyncDisposable {
  readonly machine: Machine;
  readonly extensions: string;
  /** Files below the folder of extensions that are no examples. */
  files(): string[];
  reloads(): number;
}

/** @param behaviour of the running stack; without it none runs */
async function setting(behaviour?: Behaviour, answers: readonly Answer[] = []): Promise<Setting> {
  const machine = await createMachine();
  const extensions = join(machine.state, "extensions");
  const list = (folder: string) =>
    existsSync(join(extensions, folder)) ? readdirSync(join(extensions, folder)) : [];
  const files = () =>
    ["scrape", "rules", "dashboards", "compose"].flatMap((folder) =>
      list(folder).filter((name) => !name.endsWith(".example")).map((name) => `${folder}/${name}`)
    );
  const calls = () =>
    existsSync(join(machine.bin, "calls")) ? readFileSync(join(machine.bin, "calls"), "utf8") : "";
  const reloads = () => calls().split("kill --signal SIGHUP prometheus").length - 1;
  const own = () => list("scrape").filter((name) => name.endsWith(".yml")).map((name) => name.slice(0, -4));
  const stack = behaviour && fakeStack({ own, reloads, ...behaviour });
  await scriptDocker(machine.bin, [
    ...answers,
    { when: "network inspect bridge *", stdout: "127.0.0.2\n" },
    { when: "* kill --signal SIGHUP prometheus" },
    ...(stack ? [{ when: "* ps --all *", stdout: psJson(healthyContainers(stack.port)) }] : []),
  ]);
  return {
    machine,
    extensions,
    files,
    reloads,
    async [Symbol.asyncDispose]() {
      await stack?.[Symbol.asyncDispose]();
      await machine[Symbol.asyncDispose]();
    },
  };
}

Deno.test("adopt writes a job, alerts and a dashboard, and waits until Prometheus scrapes the service", async () => {
  await using shop = service(METRICS);
  await using on = await setting({});
  const url = `http://localhost:${shop.addr.port}`;
  const { code, stdout, stderr } = await on.machine.launch("adopt", url, "--name", "shop", "--json");
  assert.equal(code, EXIT.ok, stderr);
  const report = JSON.parse(stdout);
  assert.deepEqual(report.adopted, [{ name: "shop", url: `${url}/metrics` }]);
  const [{ checks }] = report.checklists;
  assert.deepEqual(
    checks.map(({ name, outcome }: { name: string; outcome: string }) => `${name} ${outcome}`),
    ["name ok", "extensions ok", "metrics ok", "reachable ok", "files ok", "scraped ok"],
  );
  assert.deepEqual(checks[2].notes, [
    "prom-client (Node.js, Deno): 1 metric",
    "requests by http_request_duration_seconds_count",
    "others: 1",
  ]);
  assert.deepEqual(on.files(), ["scrape/shop.yml", "rules/shop.yml", "dashboards/shop.json"]);
  assert.equal(on.reloads(), 1);

  const [job] = parse(await Deno.readTextFile(join(on.extensions, "scrape/shop.yml"))).scrape_configs;
  assert.deepEqual(
    [job.job_name, job.metrics_path, job.static_configs[0].targets],
    ["shop", "/metrics", [`host.docker.internal:${shop.addr.port}`]],
  );
  const [{ rules }] = parse(await Deno.readTextFile(join(on.extensions, "rules/shop.yml"))).groups;
  assert.deepEqual(rules.map((rule: { alert: string }) => rule.alert), [
    "ServiceDown",
    "ServiceErrors",
    "ServiceSlow",
  ]);
  assert.match(rules[2].expr, / > 1\.5 /, "a limit that is a bound of a bucket");
  const dashboard = JSON.parse(await Deno.readTextFile(join(on.extensions, "dashboards/shop.json")));
  assert.equal(dashboard.uid, "own-shop");

  const listed = await on.machine.launch("adopt");
  assert.match(listed.stdout, new RegExp(`shop +${url}/metrics`));
  const removed = await on.machine.launch("adopt", "--remove", "shop");
  assert.equal(removed.code, EXIT.ok, removed.stderr);
  assert.deepEqual([on.files(), on.reloads()], [[], 2]);
});

Deno.test("adopt works before the stack runs; the next start reads the files", async () => {
  await using shop = service(METRICS);
  await using on = await setting();
  const { code, stderr } = await on.machine.launch(
    "adopt",
    `http://localhost:${shop.addr.port}/`,
    "--name",
    "shop",
  );
  assert.equal(code, EXIT.ok, stderr);
  assert.match(stderr, /the next start of the stack reads them/);
  assert.equal(on.files().length, 3);
  assert.equal(on.reloads(), 0);
});

Deno.test("a service that listens on loopback only is not adopted, and the address to listen on is named", async () => {
  await using shop = service(METRICS, { hostname: "127.0.0.1" });
  await using on = await setting({});
  const run = await on.machine.launch("adopt", `http://localhost:${shop.addr.port}`, "--name", "shop");
  assert.equal(run.code, EXIT.target);
  assert.match(run.stderr, /shop listens on loopback only/);
  assert.match(run.stderr, /listen on 127\.0\.0\.2/);
  assert.deepEqual([on.files(), on.reloads()], [[], 0]);
});

Deno.test("on Docker Desktop loopback is enough", async () => {
  await using shop = service(METRICS, { hostname: "127.0.0.1" });
  const info = JSON.stringify({ OperatingSystem: "Docker Desktop", MemTotal: 1, NCPU: 1 });
  await using on = await setting({}, [{ when: "info *", stdout: info }]);
  const run = await on.machine.launch("adopt", `http://localhost:${shop.addr.port}`, "--name", "shop");
  assert.equal(run.code, EXIT.ok, run.stderr);
});

Deno.test("a service inside the stack, which has no address on this machine, is asked from there", async () => {
  await using on = await setting({}, [{ when: "* exec -T prometheus wget *", stdout: METRICS }]);
  const run = await on.machine.launch("adopt", "http://till.invalid:3000/metrics", "--name", "till");
  assert.equal(run.code, EXIT.ok, run.stderr);
  const [job] = parse(await Deno.readTextFile(join(on.extensions, "scrape/till.yml"))).scrape_configs;
  assert.deepEqual(job.static_configs[0].targets, ["till.invalid:3000"]);
});

Deno.test("what cannot be adopted changes nothing, and the exit code says why", async () => {
  await using page = service("<!doctype html>\n<p>Welcome</p>");
  await using missing = service("not found", { status: 404 });
  await using fresh = service("# TYPE http_request_duration_seconds histogram\n");
  await using shop = service(METRICS);
  await using on = await setting({});
  const at = ({ addr }: { addr: Deno.NetAddr }) => `http://localhost:${addr.port}`;
  const cases: [args: string[], code: number, said: RegExp][] = [
    [[at(page), "--name", "shop"], EXIT.target, /does not return metrics[\s\S]*doctype/],
    [[at(missing), "--name", "shop"], EXIT.target, /it returns 404/],
    [["http://localhost:1/metrics", "--name", "shop"], EXIT.target, /localhost:1 is not responding/],
    [[at(fresh), "--name", "shop"], EXIT.prerequisite, /has not served a request yet/],
    [[at(shop), "--name", "grafana"], EXIT.usage, /The name grafana is taken[\s\S]*the stack's grafana/],
    [[at(shop)], EXIT.usage, /needs a name/],
    [[at(shop), "--name", "No Name"], EXIT.usage, /small letters/],
    [["ftp://localhost", "--name", "shop"], EXIT.usage, /Give an address/],
    [["--remove", "shop"], EXIT.usage, /shop is not adopted/],
  ];
  for (const [args, code, said] of cases) {
    const run = await on.machine.launch("adopt", ...args);
    assert.equal(run.code, code, `${args}: ${run.stderr}`);
    assert.match(run.stderr, said);
    assert.deepEqual([on.files(), on.reloads()], [[], 0], `${args}`);
  }
});

Deno.test("an invalid extension is named, and stays as it is", async () => {
  await using shop = service(METRICS);
  await using on = await setting({});
  await Deno.mkdir(join(on.extensions, "scrape"), { recursive: true });
  await Deno.writeTextFile(join(on.extensions, "scrape/mine.yml"), "scrape_configs: [");
  const run = await on.machine.launch("adopt", `http://localhost:${shop.addr.port}`, "--name", "shop");
  assert.equal(run.code, EXIT.prerequisite, run.stderr);
  assert.match(run.stderr, /scrape\/mine\.yml/);
  assert.deepEqual([on.files(), on.reloads()], [["scrape/mine.yml"], 0]);
});

Deno.test("a target that stays down, and a Prometheus that refuses the files, undo it all", async () => {
  await using shop = service(METRICS);
  const args = ["adopt", `http://localhost:${shop.addr.port}`, "--name", "shop"];
  for (
    const [behaviour, code, said] of [
      [{ ownError: "connection refused" }, EXIT.target, /cannot reach shop[\s\S]*connection refused/],
      [{ refusesReload: true }, EXIT.service, /rejects the new files/],
    ] as const
  ) {
    await using on = await setting(behaviour);
    const run = await on.machine.launch(...args);
    assert.equal(run.code, code, run.stderr);
    assert.match(run.stderr, said);
    assert.deepEqual(on.files(), []);
    assert.equal(on.reloads(), 2, "the old files are read again");
  }
});

Deno.test("adopt --otlp publishes OTLP on loopback, by an override that Compose is given from then on", async () => {
  await using on = await setting();
  const run = await on.machine.launch("adopt", "--otlp");
  assert.equal(run.code, EXIT.ok, run.stderr);
  assert.deepEqual(on.files(), ["compose/otlp.yml"]);
  await on.machine.launch("status");
  const environments = await Deno.readTextFile(join(on.machine.bin, "environments"));
  assert.match(environments, /COMPOSE_FILE=docker-compose\.yml:\S+\/extensions\/compose\/otlp\.yml/);
  await Deno.writeTextFile(join(on.machine.state, ".env"), "COMPOSE_FILE=docker-compose.yml:more.yml\n");
  await on.machine.launch("status");
  assert.match(
    await Deno.readTextFile(join(on.machine.bin, "environments")),
    /COMPOSE_FILE=docker-compose\.yml:more\.yml:\S+\/otlp\.yml/,
    "files that .env names stay",
  );
  assert.equal((await on.machine.launch("adopt", "--remove", "otlp")).code, EXIT.ok);
  assert.deepEqual(on.files(), []);
});
