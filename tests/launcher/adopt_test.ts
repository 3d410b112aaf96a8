/** `adopt`: a person's own service is monitored, completely or not at all. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { EXIT } from "../../stack/failure.ts";
import { makeCertificates } from "../support/certificates.ts";
import { waitFor } from "../support/wait.ts";
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
function service(body: string, { hostname = "0.0.0.0", status = 200, type = "text/plain" } = {}) {
  return serve(() => new Response(body, { status, headers: { "content-type": type } }), { hostname });
}

function serve(
  handler: (request: Request) => Response,
  options: { readonly hostname?: string; readonly cert?: string; readonly key?: string } = {},
) {
  return Deno.serve(
    { port: 0, hostname: "0.0.0.0", onListen: () => {}, ...options } as Deno.ServeTcpOptions,
    handler,
  );
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
  const run = await on.machine.launch("adopt", `http://localhost:${shop.addr.port}/m?x=1`, "--name", "shop");
  assert.equal(run.code, EXIT.target);
  assert.match(run.stderr, /shop listens on loopback only/);
  assert.match(run.stderr, /listen on 127\.0\.0\.2/);
  assert.match(run.stderr, /adopt http:\/\/127\.0\.0\.2:\d+\/m\?x=1\s+--name shop/);
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
  await using secret = service("who are you?", { status: 401 });
  await using ids = service(Array.from({ length: 20_001 }, (_, i) => `orders{id="${i}"} 1\n`).join(""));
  await using cut = service(METRICS, { type: "application/openmetrics-text; version=1.0.0" });
  await using endless = serve(() =>
    new Response(
      new ReadableStream({ pull: (to) => to.enqueue(new TextEncoder().encode(METRICS.repeat(1_000))) }),
    )
  );
  await using login = serve(({ url }) =>
    new URL(url).pathname === "/login"
      ? new Response("<html>", { headers: { "content-type": "text/html" } })
      : new Response(null, { status: 302, headers: { location: "/login" } })
  );
  await using own = await makeCertificates();
  await using tls = serve(() => new Response(METRICS), {
    cert: await Deno.readTextFile(own.server.certificate),
    key: await Deno.readTextFile(own.server.key),
  });
  await using fresh = service("# TYPE http_request_duration_seconds histogram\n");
  await using shop = service(METRICS);
  await using on = await setting({});
  const at = ({ addr }: { addr: Deno.NetAddr }) => `http://localhost:${addr.port}`;
  const cases: [args: string[], code: number, said: RegExp][] = [
    [[at(page), "--name", "shop"], EXIT.target, /does not return metrics[\s\S]*doctype/],
    [[at(missing), "--name", "shop"], EXIT.target, /it returns 404/],
    [[at(secret), "--name", "shop"], EXIT.target, /it returns 401[\s\S]*protected\.yml\.example/],
    [[at(ids), "--name", "shop"], EXIT.target, /20001 samples[\s\S]*is one of them an id\?/],
    [[at(cut), "--name", "shop"], EXIT.target, /does not return metrics[\s\S]*# EOF/],
    [[at(endless), "--name", "shop"], EXIT.target, /does not return metrics[\s\S]*more than 50 MB/],
    [[at(login), "--name", "shop"], EXIT.target, /does not return metrics[\s\S]*from \S+\/login/],
    [
      [at(tls).replace("http", "https"), "--name", "shop"],
      EXIT.target,
      /certificate of localhost:\d+ is not trusted[\s\S]*protected\.yml\.example/,
    ],
    [["http://localhost:1/metrics", "--name", "shop"], EXIT.target, /localhost:1 is not responding/],
    [[at(fresh), "--name", "shop"], EXIT.prerequisite, /has not served a request yet/],
    [[at(shop), "--name", "grafana"], EXIT.usage, /The name grafana is taken[\s\S]*the stack's grafana/],
    [[at(shop)], EXIT.usage, /needs a name/],
    [[at(shop), "--name", "No Name"], EXIT.usage, /small letters/],
    [["ftp://localhost", "--name", "shop"], EXIT.usage, /Give an address/],
    [["--remove", "shop"], EXIT.usage, /shop is not adopted/],
    [["--remove", "otlp"], EXIT.usage, /OTLP is not published[\s\S]*adopt --otlp/],
    [[at(shop), "--name", "shop", "--remove", "till"], EXIT.usage, /--remove takes nothing beside it/],
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

Deno.test("an override that Compose cannot read is named, although Compose then lists nothing", async () => {
  await using on = await setting(undefined, [
    { when: "* ps --all *", code: 1, stderr: "yaml: line 1: did not find expected ',' or '}'" },
  ]);
  await Deno.mkdir(join(on.extensions, "compose"), { recursive: true });
  await Deno.writeTextFile(join(on.extensions, "compose/mine.yml"), "services: {");
  for (const args of [["http://localhost:3000", "--name", "shop"], ["--otlp"], ["--remove", "otlp"]]) {
    const run = await on.machine.launch("adopt", ...args);
    assert.equal(run.code, EXIT.prerequisite, run.stderr);
    assert.match(run.stderr, /An extension is invalid[\s\S]*compose\/mine\.yml/);
  }
});

Deno.test("a target that stays down, and a Prometheus that refuses the files, undo it all", async () => {
  await using shop = service(METRICS);
  const args = ["adopt", `http://localhost:${shop.addr.port}`, "--name", "shop"];
  for (
    const [behaviour, code, said] of [
      [{ ownError: "connection refused" }, EXIT.target, /cannot reach shop[\s\S]*refused[\s\S]*firewall/],
      [{ ownError: "expected label name" }, EXIT.target, /cannot scrape shop[\s\S]*expected label name/],
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

Deno.test("a service is listed and removed by its name, whatever was edited or is missing", async () => {
  await using shop = service(METRICS);
  await using on = await setting();
  const adopt = ["adopt", `http://localhost:${shop.addr.port}`, "--name", "shop"];
  const scrape = join(on.extensions, "scrape/shop.yml");
  for (
    const edit of [
      (text: string) => Deno.writeTextFile(scrape, text.replace("job_name: shop", "job_name: store")),
      (text: string) => Deno.writeTextFile(scrape, `${text}  broken: [`),
      () => Deno.remove(scrape),
    ]
  ) {
    assert.equal((await on.machine.launch(...adopt)).code, EXIT.ok);
    await edit(await Deno.readTextFile(scrape));
    const again = await on.machine.launch(...adopt);
    assert.match(again.stderr, /The name shop is taken[\s\S]*adopt --remove shop/);
    const removed = await on.machine.launch("adopt", "--remove", "shop");
    assert.equal(removed.code, EXIT.ok, removed.stderr);
    assert.deepEqual(on.files(), []);
  }
});

Deno.test("a person's own files of that name are not removed, and not said to be adopted", async () => {
  await using shop = service(METRICS);
  await using on = await setting();
  const own = {
    "rules/shop.yml": "groups: []",
    "scrape/mine.yml": "scrape_configs: [{ job_name: till }]",
    "dashboards/mine.json": '{"uid": "own-orders", "title": "Orders"}',
  };
  for (const [file, text] of Object.entries(own)) {
    await Deno.mkdir(join(on.extensions, file, ".."), { recursive: true });
    await Deno.writeTextFile(join(on.extensions, file), text);
  }
  for (
    const [name, owner] of [
      ["shop", "rules/shop.yml"],
      ["till", "scrape/mine.yml"],
      ["orders", "dashboards/mine.json"],
    ] as const
  ) {
    const run = await on.machine.launch("adopt", `http://localhost:${shop.addr.port}`, "--name", name);
    assert.equal(run.code, EXIT.usage, run.stderr);
    assert.match(run.stderr, new RegExp(`The name ${name} is taken[\\s\\S]*extensions/${owner}`));
    assert.doesNotMatch(run.stderr, /adopt --remove/);
  }
  assert.equal((await on.machine.launch("adopt", "--remove", "shop")).code, EXIT.usage);
  assert.equal(on.files().length, 3);
});

Deno.test("a removal that Prometheus refuses puts the files back", async () => {
  await using on = await setting({ refusesReload: true });
  const scrape = join(on.extensions, "scrape/shop.yml");
  await Deno.mkdir(join(on.extensions, "scrape"), { recursive: true });
  await Deno.writeTextFile(scrape, "# Adopted: http://localhost:3000/metrics\nscrape_configs: []\n");
  const run = await on.machine.launch("adopt", "--remove", "shop");
  assert.equal(run.code, EXIT.service, run.stderr);
  assert.deepEqual(on.files(), ["scrape/shop.yml"]);
});

Deno.test({
  name: "Ctrl-C while Prometheus is waited for takes the files away again, and Prometheus reads that",
  ignore: Deno.build.os === "windows",
  async fn() {
    await using shop = service(METRICS);
    await using on = await setting({ own: () => [] });
    const launcher = on.machine.spawn("adopt", `http://localhost:${shop.addr.port}`, "--name", "shop");
    await waitFor("the reload", () => on.reloads() === 1);
    launcher.kill("SIGINT");
    const { code, stderr } = await launcher.output();
    assert.equal(code, EXIT.interrupted, new TextDecoder().decode(stderr));
    assert.deepEqual([on.files(), on.reloads()], [[], 2]);
  },
});

Deno.test("a Tempo that cannot have the ports of OTLP is started again without them", async () => {
  const up = "* up --detach --no-build --no-deps tempo";
  await using on = await setting(undefined, [
    { when: "* ps --all *", stdout: psJson([{ service: "tempo", ports: { 3200: 3200 } }]) },
    { when: up, code: 1, stderr: "Bind for 127.0.0.1:4317 failed: port is already allocated", once: true },
    { when: up },
  ]);
  const run = await on.machine.launch("adopt", "--otlp");
  assert.equal(run.code, EXIT.service, run.stderr);
  assert.match(run.stderr, /port is already allocated/);
  const environments = await Deno.readTextFile(join(on.machine.bin, "environments"));
  const ups = environments.split("\n").filter((line) => line.endsWith("--no-deps tempo"));
  assert.deepEqual([on.files(), ups.map((line) => line.includes("otlp.yml"))], [[], [true, false]]);
});

Deno.test("adopt --otlp publishes OTLP on loopback, by an override that Compose is given from then on", async () => {
  await using on = await setting();
  const run = await on.machine.launch("adopt", "--otlp");
  assert.equal(run.code, EXIT.ok, run.stderr);
  assert.deepEqual(on.files(), ["compose/otlp.yml"]);
  await on.machine.launch("status");
  const environments = await Deno.readTextFile(join(on.machine.bin, "environments"));
  assert.match(environments, /COMPOSE_FILE=docker-compose\.yml:\S+\/extensions\/compose\/otlp\.yml/);
  const edited = join(on.extensions, "compose/otlp.yml");
  await Deno.writeTextFile(edited, "services: {} # other ports\n");
  await on.machine.launch("adopt", "--otlp");
  assert.equal(await Deno.readTextFile(edited), "services: {} # other ports\n", "a person's own ports stay");
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
