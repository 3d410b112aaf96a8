/** Helm accepts the chart with every example, and the Kubernetes API what Helm makes of it. */
import assert from "node:assert/strict";
import { CHART, EXAMPLES, find, KUBERNETES, render, run, template, testWithHelm } from "./chart.ts";
import { customResourceErrors } from "./custom_resources.ts";

/** Groups that come with the operators of others. */
const CUSTOM = /^(keda\.sh|monitoring\.coreos\.com)\//;

for (const example of EXAMPLES) {
  testWithHelm(`helm lint finds nothing wrong with values-${example}`, async () => {
    const { success, stdout } = await run(
      "helm",
      "lint",
      CHART,
      "--strict",
      `--values=${CHART}/examples/values-${example}.yaml`,
    );
    assert.ok(success, stdout);
  });

  testWithHelm(`values-${example}: every object fits its schema, and none has an unknown field`, async () => {
    const manifests = await render(example);
    const own = manifests.filter(({ apiVersion }) => !CUSTOM.test(apiVersion));
    const file = await Deno.makeTempFile({ suffix: ".json" });
    try {
      await Deno.writeTextFile(file, own.map((manifest) => JSON.stringify(manifest)).join("\n---\n"));
      const { success, stdout, stderr } = await run(
        "kubernetes-validate",
        "--strict",
        `--kubernetes-version=${KUBERNETES}`,
        file,
      );
      const output = stdout + stderr;
      assert.ok(success && !output.includes("WARN"), output);
      assert.equal(output.match(/ passed /g)?.length, own.length, output);
    } finally {
      await Deno.remove(file);
    }
    assert.deepEqual(
      await customResourceErrors(manifests.filter(({ apiVersion }) => CUSTOM.test(apiVersion))),
      [],
    );
  });
}

testWithHelm(
  "the check of custom resources sees an unknown field, a wrong type and a missing definition",
  async () => {
    const monitor = find(await render("managed"), "ServiceMonitor");
    const { spec } = monitor;
    const [endpoint] = spec.endpoints;
    const errors = await customResourceErrors([
      { ...monitor, spec: { ...spec, endpoints: [{ ...endpoint, pathh: "/metrics" }] } },
      { ...monitor, spec: { ...spec, endpoints: [{ ...endpoint, path: 5 }] } },
      { ...monitor, kind: "ServiceMonitr" },
    ]);
    assert.deepEqual(errors.map((error) => error.replace(/^\S+ \S+?(?=[/:])/, "")), [
      '/spec/endpoints/0: must NOT have additional properties {"additionalProperty":"pathh"}',
      '/spec/endpoints/0/path: must be string {"type":"string"}',
      ": there is no definition of monitoring.coreos.com/v1",
    ]);
  },
);

/** Values, as `--set` has them, and what the refusal has to name. */
const REFUSED: readonly (readonly [string, RegExp])[] = [
  ["colour=blue", /colour/],
  ["api.replicaz=3", /replicaz/],
  ["image.repository=", /image\.repository/],
  ["database.url=", /database\.url or database\.urlSecret/],
  ["database.url=mysql://u@h/d", /database[./]url/],
  ["database.url=postgres://u:secret@h/d", /database[./]url/],
  ["redis.url=redis://:secret@h", /redis[./]url/],
  ["kafka.brokers=null", /kafka\.brokers/],
  ["kafka.brokers[0]=kafka", /kafka[./]brokers/],
  ["kafka.sasl.mechanism=gssapi", /kafka[./]sasl[./]mechanism/],
  ["database.urlSecret.name=db", /database\.url and database\.urlSecret/],
  ["database.url=,database.urlSecret.name=db,database.sslmode=verify-full", /database\.sslmode/],
  ["redis.urlSecret.name=redis", /redis\.url and redis\.urlSecret/],
  ["kafka.tls.caSecret.name=ca", /kafka\.tls\.enabled is false/],
  ["kafka.sasl.user=thoughts", /no kafka\.sasl\.mechanism/],
  [
    "workers.autoscaling.enabled=false,workers.replicas=7",
    /workers\.replicas is 7, but kafka\.partitions is 6/,
  ],
  ["monitoring.enabled=true,monitoring.rules.jobs[0]=api", /rules\.jobs: no rule watches the job api/],
  [
    "monitoring.enabled=true,monitoring.rules.withoutGroups[0]=monitorin",
    /withoutGroups: there is no group monitorin/,
  ],
  ["api.allowAnonymous=true", /api\.keysSecret and api\.allowAnonymous/],
  ["networkPolicy.enabled=false,networkPolicy.egress.enabled=true", /egress\.enabled needs networkPolicy/],
  ["networkPolicy.egress.enabled=true", /neither cidrs nor rules/],
  ["kafka.partitions=3", /workers\.autoscaling\.max is 6, but kafka\.partitions is 3/],
  ["workers.autoscaling.min=7", /workers\.autoscaling\.min is greater than its max/],
  ["api.keysSecret.name=", /api\.keysSecret/],
  ["api.settings.OPENAI_MODEL=x", /OPENAI_MODEL/],
  ["workers.settings.DATABASE_URL=x", /DATABASE_URL/],
  ["keda.enabled=true", /keda\.prometheusUrl/],
  ["ingress.enabled=true", /ingress: needs host and tlsSecret/],
  ["networkPolicy.egress.cidrs[0].cidr=db.example.com", /cidr/],
  ["logLevel=LOUD", /logLevel/],
];

testWithHelm("values that make no sense are refused, by name", async () => {
  for (const [assignment, expected] of REFUSED) {
    const { success, stderr } = await template("minimal", assignment);
    assert.ok(!success, `${assignment} is accepted`);
    assert.match(stderr, expected, assignment);
  }
});

testWithHelm("a Service has a name that Kubernetes takes, whatever the release is called", async () => {
  const values = [`--kube-version=${KUBERNETES}.0`, `--values=${CHART}/examples/values-minimal.yaml`];
  const set = "--set=canary.enabled=true,canary.keySecret.name=key";
  for (const release of ["shop.v2", "2nd", `${"long-".repeat(10)}one`, "thought-processor"]) {
    const { success, stdout, stderr } = await run("helm", "template", release, CHART, ...values, set);
    assert.ok(success, stderr);
    const names = [...stdout.matchAll(/^kind: Service\nmetadata:\n {2}name: (.*)$/gm)].map(([, name]) =>
      name!
    );
    assert.equal(names.length, 2, release);
    for (const name of names) assert.match(name, /^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/, release);
  }
});
