/** The shared circuit, on each kind of database. */
import assert from "node:assert/strict";
import { testOnDatabases } from "../../tests/support/databases.ts";
import { HORIZON_MS } from "./clock_skew.ts";
import { createModelGates } from "./model_gates.ts";

let made = 0;
/** Two workers' views of one model that nobody else has. */
function twoWorkers(database: Parameters<typeof createModelGates>[0]) {
  const model = `model-${made++}`;
  return [createModelGates(database, "p", model), createModelGates(database, "p", model)] as const;
}

testOnDatabases("a circuit nobody has closed is open", async (database) => {
  const [one] = twoWorkers(database);
  assert.deepEqual(await one.read(), { closure: null, blockedForMs: 0 });
  assert.equal(await one.probe(1_000), undefined, "an open circuit needs no probe");
});

testOnDatabases(
  "what one worker closes is closed for the other, since then and for that reason",
  async (database) => {
    const [one, other] = twoWorkers(database);
    await one.close("outage", "HTTP 503\0\ud800", 5_000);
    const { closure } = await other.read();
    assert.deepEqual([closure!.reason, closure!.detail, closure!.probing], [
      "outage",
      "HTTP 503\ufffd",
      false,
    ]);
    assert.ok(closure!.probeInMs > 3_000 && closure!.probeInMs <= 5_000, String(closure!.probeInMs));
    await other.close("credentials", "HTTP 401", 0);
    const again = (await one.read()).closure!;
    assert.deepEqual([again.reason, again.since, again.number], [
      "credentials",
      closure!.since,
      closure!.number,
    ]);
    assert.ok(again.probeInMs > 3_000, "the earlier pause stands");
  },
);

testOnDatabases("of many workers exactly one gets the probe that is due", async (database) => {
  const [one, other] = twoWorkers(database);
  await one.close("outage", "refused", 0);
  const probes = await Promise.all([one, other, one, other, one].map((gates) => gates.probe(60_000)));
  assert.equal(probes.filter((probe) => probe !== undefined).length, 1);
  assert.equal((await one.read()).closure!.probing, true);
});

testOnDatabases("a probe that got through opens the circuit for all", async (database) => {
  const [one, other] = twoWorkers(database);
  await one.close("outage", "refused", 0);
  await one.open((await one.probe(60_000))!);
  assert.equal((await other.read()).closure, null);
});

testOnDatabases("a probe of an earlier closure opens nothing", async (database) => {
  const [one, other] = twoWorkers(database);
  await one.close("outage", "refused", 0);
  const zombie = (await one.probe(0))!;
  await other.open((await other.probe(60_000))!);
  await other.close("outage", "refused again", 0);
  await one.open(zombie);
  assert.equal((await other.read()).closure!.detail, "refused again");
});

testOnDatabases(
  "a probe that does not come back is followed by another, whose end it can't change",
  async (database) => {
    const [one, other] = twoWorkers(database);
    await one.close("outage", "refused", 0);
    const lost = (await one.probe(0))!;
    const next = (await other.probe(60_000))!;
    assert.ok(next.number > lost.number);
    await one.probeEnded(lost, 0, "failed");
    assert.equal(await one.probe(60_000), undefined, "the newer probe is still under way");
    await other.probeEnded(next, 0, "failed");
    assert.equal((await one.probe(60_000))!.failedBefore, 1);
  },
);

testOnDatabases("a probe that nobody used costs no turn", async (database) => {
  const [one, other] = twoWorkers(database);
  await one.close("outage", "refused", 0);
  await one.probeEnded((await one.probe(60_000))!, 0, "unused");
  assert.equal((await other.probe(60_000))!.failedBefore, 0);
});

testOnDatabases("a pause only grows", async (database) => {
  const [one, other] = twoWorkers(database);
  await one.block(20_000);
  await other.block(1_000);
  const { blockedForMs, closure } = await one.read();
  assert.ok(blockedForMs > 15_000 && blockedForMs <= 20_000, String(blockedForMs));
  assert.equal(closure, null, "a pause is no closure");
});

testOnDatabases("no pause is longer than the horizon, and none beyond it is believed", async (database) => {
  const [one] = twoWorkers(database);
  await one.block(3_600_000);
  await one.close("quota", "spent", 3_600_000);
  const { blockedForMs, closure } = await one.read();
  assert.ok(blockedForMs <= HORIZON_MS && closure!.probeInMs <= HORIZON_MS);
  // As after a clock that went back by a day.
  await database.query(`update model_gates set blocked_until = blocked_until + interval '1 day',
    probe_at = probe_at + interval '1 day'`);
  const after = await one.read();
  assert.deepEqual([after.blockedForMs, after.closure!.probeInMs], [0, 0]);
  assert.notEqual(await one.probe(1_000), undefined);
});

testOnDatabases("gates of different models know nothing of each other", async (database) => {
  const [one] = twoWorkers(database);
  const [another] = twoWorkers(database);
  await one.close("outage", "refused", 0);
  assert.equal((await another.read()).closure, null);
});
