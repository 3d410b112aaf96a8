/** The runbooks as pages: where an alert's link leads. */
import assert from "node:assert/strict";
import { parse } from "yaml";
import { openTestApp } from "../tests/support/test_app.ts";

Deno.test("every alert's link opens its runbook, and that links to others", async () => {
  await using api = await openTestApp({ kind: "away" });
  const rules = ["alerts", "slo"].flatMap((name) => {
    const { groups } = parse(Deno.readTextFileSync(`config/prometheus/${name}.yml`));
    return groups.flatMap(({ rules }: { rules: { alert?: string }[] }) => rules);
  });
  const names = new Set(
    rules.map(({ alert }: { alert?: string }) => alert).filter((name) => name !== undefined),
  );
  assert.ok(names.size > 30);
  const [index] = [await (await api.request("/runbooks")).text()];
  for (const name of names) {
    const response = await api.request(`/runbooks/${name}`);
    assert.equal(response.status, 200, name);
    const html = await response.text();
    assert.ok(html.includes(`<h2>${name}</h2>`) && html.includes("Mitigation."), name);
    assert.ok(!html.includes("## "), `${name}: one runbook, not those after it`);
    assert.ok(index!.includes(`href="/runbooks/${name}"`), name);
  }
  const errors = await (await api.request("/runbooks/ApiErrorsHigh")).text();
  assert.match(errors, /<a href="\/runbooks\/PostgresDown">PostgresDown<\/a>/);
  assert.doesNotMatch(errors + index, /href="(?!https?:|\/|data:)/, "no link leads nowhere");
});

Deno.test("an alert that does not exist has no runbook, and a page runs no script", async () => {
  await using api = await openTestApp({ kind: "away" });
  for (const name of ["Nothing", "", "..%2Fdeno.json", "watchdog"]) {
    assert.equal((await api.request(`/runbooks/${name}`)).status, 404, name);
  }
  const { headers } = await api.request("/runbooks/Watchdog");
  assert.match(headers.get("content-security-policy")!, /^default-src 'none'; style-src 'unsafe-inline'/);
  assert.doesNotMatch(await (await api.request("/runbooks/Watchdog")).text(), /<script/);
});
