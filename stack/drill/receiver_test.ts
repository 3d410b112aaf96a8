/** Finding an alert in the API's log. */
import assert from "node:assert/strict";
import { fakeHost } from "../../tests/launcher/fake_host.ts";
import { createCompose } from "../docker/compose.ts";
import { checkoutPaths } from "../paths.ts";
import { createReceiver } from "./receiver.ts";

const RedisDown = { alert: "RedisDown", severity: "warning" } as const;
const line = (more: Record<string, string>) =>
  JSON.stringify({
    msg: "alert received",
    alertname: "RedisDown",
    severity: "warning",
    status: "firing",
    ...more,
  });

const BROKEN_ON = new Date("2026-01-01T00:00:10Z");

function receiverOf(lines: string[], mark?: string) {
  const host = fakeHost({ run: () => ({ stdout: lines.join("\n") }) });
  const compose = createCompose({ host, paths: checkoutPaths("/nowhere") });
  return { host, receiver: createReceiver({ compose, mark }) };
}

async function heard(
  lines: string[],
  { status = "firing", mark }: { status?: "firing" | "resolved"; mark?: string },
) {
  const { host, receiver } = receiverOf(lines, mark);
  const answer = await receiver.heard(RedisDown, status, BROKEN_ON);
  return { answer, command: host.commands.at(-1)! };
}

Deno.test("heard() finds the alert's line in the API's log", async () => {
  const { answer, command } = await heard(["no JSON", '{"msg":"thought accepted"}', line({})], {});
  assert.equal(answer, true);
  assert.match(command, /logs .*--since 2026-01-01T00:00:05\.000Z api$/);
});

Deno.test("heard() accepts no other alert, severity, state or drill", async () => {
  const others: Record<string, string>[] = [{ alertname: "KafkaDown" }, { severity: "critical" }, {
    status: "resolved",
  }, {
    drill: "redis-down",
  }];
  for (const other of others) {
    assert.equal((await heard([line(other)], {})).answer, false, JSON.stringify(other));
  }
  assert.equal((await heard([], {})).answer, false);
});

Deno.test("heard() takes a fast drill's alert only from that drill's own Prometheus", async () => {
  const mark = "redis-down";
  assert.equal((await heard([line({ status: "resolved" })], { status: "resolved", mark })).answer, false);
  assert.equal(
    (await heard([line({ status: "resolved", drill: mark })], { status: "resolved", mark })).answer,
    true,
  );
});

Deno.test("notifications() counts what arrived together once, and only what began to fire since the fault", async () => {
  const told = (notification: string, alertname: string, more: Record<string, string> = {}) =>
    line({ notification, alertname, starts_at: "2026-01-01T00:01:00.5Z", ...more });
  const { receiver } = receiverOf([
    told("1", "KafkaDown"),
    told("2", "TargetDown", { starts_at: "2025-12-31T23:00:00Z" }),
    told("3", "Watchdog", { severity: "none" }),
    told("3b", "CacheHitsLow", { severity: "info" }),
    told("4", "OutboxStuck"),
    told("4", "OutboxStuck", { severity: "critical" }),
    told("4", "OldestThoughtWaiting"),
    told("5", "OutboxStuck", { drill: "kafka-down" }),
    told("6", "KafkaDown", { status: "resolved" }),
  ]);
  assert.deepEqual(await receiver.notifications(BROKEN_ON), [
    ["KafkaDown"],
    ["OutboxStuck", "OldestThoughtWaiting"],
  ]);
});
