/** The launcher's table of services against docker-compose.yml and prometheus.yml. */
import assert from "node:assert/strict";
import { parse } from "yaml";
import { LaunchFailure } from "./failure.ts";
import { select, type Service, SERVICES } from "./services.ts";

const read = (path: string) =>
  parse(Deno.readTextFileSync(new URL(`../${path}`, import.meta.url)), { merge: true });
const services: readonly Service[] = SERVICES;

Deno.test("the table names the services of docker-compose.yml, and which are monitoring", () => {
  const declared: Record<string, { profiles?: string[] }> = read("docker-compose.yml").services;
  const core = Object.fromEntries(Object.entries(declared).map(([name, { profiles }]) => [name, !profiles]));
  assert.deepEqual(Object.fromEntries(services.map((s) => [s.name, s.core])), core);
});

Deno.test("the table names the container ports that docker-compose.yml publishes", () => {
  const declared: Record<string, { ports?: string[] }> = read("docker-compose.yml").services;
  const published = Object.entries(declared).flatMap(([name, { ports }]) =>
    ports ? [[name, Number(ports[0]!.split(":").at(-1))]] : []
  );
  const named = services.filter((s) => s.port).map((s) => [s.name, s.port]);
  assert.deepEqual(Object.fromEntries(named), Object.fromEntries(published));
  for (const { name, portVariable } of services.filter((s) => s.port)) {
    assert.ok(declared[name]!.ports![0]!.includes(`:\${${portVariable}:-`), `${name}: ${portVariable}`);
  }
});

Deno.test("the table names every job of prometheus.yml, each for one service", () => {
  const configured: { job_name: string }[] = read("config/prometheus.yml").scrape_configs;
  assert.deepEqual(services.flatMap((s) => s.jobs).toSorted(), configured.map((c) => c.job_name).toSorted());
});

Deno.test("select() leaves out what may be left out", () => {
  const { wanted, leftOut, has } = select(["tempo", "grafana"]);
  assert.deepEqual(leftOut.map((s) => s.name), ["grafana", "tempo"]);
  assert.equal(wanted.length, SERVICES.length - 2);
  assert.deepEqual([has("loki", "promtail"), has("loki", "tempo")], [true, false]);
});

Deno.test("select() refuses the core and names it does not know", () => {
  for (const name of ["db", "kafka-worker", "nothing", ""]) {
    assert.throws(
      () => select([name]),
      (error) => error instanceof LaunchFailure && error.kind === "usage",
      name,
    );
  }
});
