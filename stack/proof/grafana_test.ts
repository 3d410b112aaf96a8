/** The proof against a Grafana that refuses, or is not ready yet. */
import assert from "node:assert/strict";
import { fakeHost, testProgress } from "../../tests/launcher/fake_host.ts";
import { createEndpoints } from "../endpoints.ts";
import { LaunchFailure } from "../failure.ts";
import { checkoutPaths } from "../paths.ts";
import type { RunningStack } from "../running_stack.ts";
import { select } from "../services.ts";
import { sourcesReachable } from "./grafana.ts";

function stackWith(reply: () => Response) {
  const host = fakeHost({ fetch: reply });
  const grafana = {
    id: "g",
    name: "g",
    service: "grafana",
    state: "running",
    health: "healthy",
    exitCode: 0,
    status: "",
  };
  const stack: RunningStack = {
    host,
    paths: checkoutPaths("/nowhere"),
    selection: select([]),
    endpoints: createEndpoints([{ ...grafana, ports: [{ container: 3000, host: 3000 }] }]),
    workers: 1,
    grafanaLogin: "admin:w€rong",
  };
  return { host, stack };
}

Deno.test("a refused password fails at once: Grafana locks the account after five", async () => {
  const { host, stack } = stackWith(() =>
    Response.json({ message: "Invalid username or password" }, { status: 401 })
  );
  const failure = await sourcesReachable(stack, testProgress()).catch((error) => error);
  assert.ok(failure instanceof LaunchFailure);
  assert.match(failure.message, /refuses this folder.s password/);
  assert.deepEqual([host.requests.length, host.slept], [1, 0]);
});

Deno.test("a data source that is not there yet is waited for", async () => {
  let asked = 0;
  const { host, stack } = stackWith(() => Response.json({}, { status: ++asked < 3 ? 502 : 200 }));
  assert.match(
    await sourcesReachable(stack, testProgress()),
    /prometheus, loki, tempo, alertmanager are reachable/,
  );
  assert.ok(host.slept > 0);
});
