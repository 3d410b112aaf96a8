/** Listing containers while Compose replaces some. */
import assert from "node:assert/strict";
import { fakeHost } from "../../tests/launcher/fake_host.ts";
import { psJson } from "../../tests/launcher/scripted_docker.ts";
import { createCompose } from "./compose.ts";
import { checkoutPaths } from "../paths.ts";

const GONE = { code: 1, stderr: "Error response from daemon: No such container: 2cc1cedb15a0" };

/** A Docker in which that many listings meet a container that is just being replaced. */
function listing(failures: number) {
  let options = 0;
  const host = fakeHost({
    run: () => ++options <= failures ? GONE : { stdout: psJson([{ service: "db" }]) },
  });
  return { compose: createCompose({ host, paths: checkoutPaths("/nowhere") }), host };
}

Deno.test("ps() lists again when a container is replaced while Compose lists it", async () => {
  const { compose } = listing(3);
  assert.deepEqual((await compose.ps()).map(({ service }) => service), ["db"]);
});

Deno.test("ps() does not list for ever", async () => {
  const { compose, host } = listing(Infinity);
  await assert.rejects(compose.ps(), {
    name: "LaunchFailure",
    message: "Docker did not list the containers",
  });
  assert.equal(host.commands.length, 4);
});

Deno.test("config() has passwords as Compose read them, each dollar written as two", async () => {
  const services = { secrets: { image: "s", environment: { GRAFANA_ADMIN_PASSWORD: "pa$$ss#'\"€" } } };
  const host = fakeHost({ run: () => ({ stdout: JSON.stringify({ name: "tp", services }) }) });
  const { services: [secrets] } = await createCompose({ host, paths: checkoutPaths("/nowhere") }).config();
  assert.equal(secrets!.environment.GRAFANA_ADMIN_PASSWORD, "pa$ss#'\"€");
});
