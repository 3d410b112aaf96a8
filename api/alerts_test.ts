import assert from "node:assert/strict";
import { openTestApp } from "../tests/support/test_app.ts";

const alert = (status: string, severity: string | undefined, alertname = "ApiSlow") => ({
  status,
  labels: { alertname, ...(severity === undefined ? {} : { severity }) },
  annotations: { summary: "The API is slow" },
  startsAt: "2026-01-01T00:00:00Z",
  endsAt: "0001-01-01T00:00:00Z",
  generatorURL: "http://prometheus:9090/graph",
  fingerprint: "abc",
});

Deno.test("each alert of a notification is one log line and one count, by severity and status", async () => {
  await using api = await openTestApp({ kind: "away" });
  const response = await api.request("/alerts", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      version: "4",
      groupKey: "{}",
      status: "firing",
      receiver: "log",
      alerts: [
        alert("firing", "critical"),
        alert("resolved", "critical"),
        alert("firing", "none", "Watchdog"),
        alert("firing", "made-up"),
        alert("firing", undefined),
      ],
    }),
  });
  assert.equal(response.status, 204);
  const lines = api.lines().filter((line) => line.msg === "alert received");
  assert.deepEqual(lines.map((line) => [line.level, line.alertname, line.severity, line.status]), [
    ["WARN", "ApiSlow", "critical", "firing"],
    ["INFO", "ApiSlow", "critical", "resolved"],
    ["INFO", "Watchdog", "none", "firing"],
    ["INFO", "ApiSlow", "other", "firing"],
    ["INFO", "ApiSlow", "other", "firing"],
  ]);
  assert.equal(lines[0]!.summary, "The API is slow");
  assert.equal(new Set(lines.map(({ notification }) => notification)).size, 1, "they arrived together");
  assert.equal(await api.metric('alert_notifications_total{severity="critical",status="firing"}'), 1);
  assert.equal(await api.metric('alert_notifications_total{severity="other",status="firing"}'), 2);
});
