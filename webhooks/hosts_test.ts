import assert from "node:assert/strict";
import { createHosts, share } from "./hosts.ts";

Deno.test("a host gets so many requests at once, and no more than there is room for all", () => {
  const hosts = createHosts({ perHost: 2, total: 3 });
  assert.equal(hosts.room("a"), 2);
  hosts.begin("a");
  hosts.begin("a");
  assert.deepEqual([hosts.room("a"), hosts.room("b"), hosts.free()], [0, 2, 1]);
  hosts.end("a", true);
  assert.deepEqual([hosts.room("a"), hosts.free()], [1, 2]);
});

Deno.test("a host that does not work is paused, then gets one request, until one succeeds", () => {
  let now = 0;
  const hosts = createHosts({ perHost: 4, now: () => now });
  const fail = () => {
    hosts.begin("a");
    hosts.end("a", false);
  };
  for (let failures = 0; failures < 5; failures++) {
    assert.equal(hosts.isPaused("a"), false);
    fail();
  }
  assert.deepEqual([hosts.isPaused("a"), hosts.paused(), hosts.room("a"), hosts.room("b")], [true, 1, 0, 4]);
  const first = hosts.pauseMs("a");
  assert.ok(first >= 1_000 && first <= 2_000, `${first} ms`);
  now += first;
  assert.equal(hosts.room("a"), 1);
  hosts.begin("a");
  assert.equal(hosts.room("a"), 0);
  hosts.end("a", false);
  assert.ok(hosts.pauseMs("a") >= 2_000);
  now += 1_000_000;
  hosts.begin("a");
  hosts.end("a", true);
  assert.deepEqual([hosts.isPaused("a"), hosts.room("a")], [false, 4]);
});

Deno.test("hosts that nothing waits for are forgotten, unless a request is in progress", () => {
  const hosts = createHosts({ perHost: 4 });
  for (let failures = 0; failures < 5; failures++) {
    hosts.begin("a");
    hosts.end("a", false);
  }
  hosts.begin("b");
  hosts.keep(new Set());
  assert.deepEqual([hosts.isPaused("a"), hosts.room("b")], [false, 3]);
});

Deno.test("share() gives each flow the same, and the odd ones in turn", () => {
  assert.deepEqual(share(["a", "b"], 5, 0), new Map([["a", 3], ["b", 2]]));
  assert.deepEqual(share(["a", "b"], 5, 1), new Map([["b", 3], ["a", 2]]));
  assert.deepEqual(share(["a", "b", "c"], 1, 2), new Map([["c", 1]]));
  assert.deepEqual(share([], 5, 0), new Map());
});
