/** Alertmanager's routes, receivers and inhibitions. */
import assert from "node:assert/strict";
import { parse } from "yaml";
import { readComposeFile, readRepositoryFile } from "../support/compose_file.ts";

const { route, receivers, inhibit_rules } = parse(readRepositoryFile("config/alertmanager.yml"));

Deno.test("every route leads to a receiver that exists", () => {
  const names = receivers.map((receiver: { name: string }) => receiver.name);
  for (const { receiver } of [route, ...route.routes]) assert.ok(names.includes(receiver), receiver);
});

Deno.test("out of the box, alerts reach the API, resolved ones too", () => {
  const [{ url, send_resolved }] = receivers[0].webhook_configs;
  const { hostname, port, pathname } = new URL(url);
  assert.ok(readComposeFile().services[hostname]!.expose!.includes(port));
  assert.equal(pathname, "/alerts");
  assert.equal(send_resolved, true);
});

Deno.test("a critical alert silences the warning of the same thing, not of another device, instance or objective", () => {
  const [same] = inhibit_rules;
  assert.deepEqual(same.source_matchers, ['severity = "critical"']);
  assert.deepEqual(same.target_matchers, ['severity =~ "warning|info"']);
  for (const label of ["alertname", "component", "job", "instance", "device", "slo"]) {
    assert.ok(same.equal.includes(label), label);
  }
});
