/** The chart's canary: a program that starts with its pod's flags, as restricted as the others. */
import assert from "node:assert/strict";
import { makeKey } from "../../api/keys.ts";
import { readComposeFile } from "../support/compose_file.ts";
import { freePort } from "../support/free_port.ts";
import { createKeyFile } from "../support/key_file.ts";
import { loggedUrl, startProcess } from "../support/process.ts";
import { containerOf, find, type Manifest, render, template, testWithHelm } from "./chart.ts";

const own = ({ metadata }: Manifest) => metadata.name.endsWith("-canary");

testWithHelm("the canary starts with its pod's flags, and may reach the hosts that they name", async () => {
  const container = containerOf(find(await render("managed"), "Deployment", "-canary"));
  const [deno, run, ...rest] = container.args;
  assert.deepEqual([deno, run], ["deno", "run"]);
  const net = rest.find((arg) => arg.startsWith("--allow-net="))!.split(/[=,]/).slice(1);
  const named = rest.flatMap((arg) => /^--(?:api|worker|tempo|otlp)=(.*)$/.exec(arg)?.[1] ?? []);
  assert.equal(named.length, 4);
  for (const url of named) {
    const { hostname, port } = new URL(url);
    assert.ok(net.includes(`${hostname}:${port || "80"}`), `${url} in ${net}`);
  }

  using key = createKeyFile(makeKey({ name: "canary" }).key);
  const port = freePort();
  const args = rest.map((arg) => arg.replace(/^--key-file=.*/, `--key-file=${key.path}`))
    .map((arg) =>
      arg.replace("0.0.0.0:8002", `127.0.0.1:${port}`).replace("--host=0.0.0.0", "--host=127.0.0.1")
    );
  await using canary = startProcess({
    args: [`--allow-read=.,${key.path}`, ...args, `--port=${port}`],
    env: {},
  });
  const url = await loggedUrl(canary, "metrics");
  for (const path of [container.livenessProbe!.httpGet.path, "/metrics"]) {
    const response = await fetch(url + path);
    assert.equal(response.status, 200, path);
    await response.body?.cancel();
  }
});

testWithHelm(
  "it has Compose's memory, the restricted security standard, its key as a file, and one replica",
  async () => {
    const workload = find(await render("managed"), "Deployment", "-canary");
    const container = containerOf(workload);
    const { securityContext, automountServiceAccountToken, volumes } = workload.spec.template.spec;
    assert.deepEqual([workload.spec.replicas, automountServiceAccountToken], [1, false]);
    assert.equal(securityContext.runAsNonRoot, true);
    assert.deepEqual(container.securityContext, {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
    });
    const memory = readComposeFile().services.canary!.deploy!.resources.limits.memory;
    assert.equal(container.resources.limits.memory, memory.replace("m", "Mi"));
    assert.deepEqual(volumes.at(-1).projected.sources, [
      { secret: { name: "thoughts-canary", items: [{ key: "key", path: "canary-key" }] } },
    ]);
    assert.ok(container.args.includes("--key-file=/run/secrets/thoughts/canary-key"));
  },
);

testWithHelm("it is left out by default, and refused without a key where the API wants keys", async () => {
  assert.deepEqual((await render("minimal")).filter(own), []);
  const { success, stderr } = await template("minimal", "canary.enabled=true");
  assert.ok(!success);
  assert.match(stderr, /canary\.keySecret: .*deno task key canary/);
});

testWithHelm("where policies name who may call, the canary is among them", async () => {
  const manifests = await render("managed");
  for (const part of ["-api", "-worker"]) {
    const { ingress } = find(manifests, "NetworkPolicy", `processor${part}`).spec;
    const parts = ingress[0].from.map((peer: { podSelector?: { matchLabels: Record<string, string> } }) =>
      peer.podSelector?.matchLabels["app.kubernetes.io/component"]
    );
    assert.ok(parts.includes("canary"), part);
  }
  const { egress } = find(manifests, "NetworkPolicy", "-canary-egress").spec;
  assert.equal(egress.length, 2);
});
