import assert from "node:assert/strict";
import { fakeHost, runningRow } from "../../tests/launcher/fake_host.ts";
import { psJson } from "../../tests/launcher/scripted_docker.ts";
import { parseArguments } from "../cli.ts";
import { openSession } from "../context.ts";
import { severance } from "./severance.ts";

const HOME = { dir: "/nowhere", envFile: "/nowhere/.env", choiceFile: "/nowhere/launcher.json" };

/** A stack whose API is in this state until it is on its network again. */
async function cutOff(state: string, connecting = "") {
  let connected = false;
  const host = fakeHost({
    run: (line) => {
      if (line.includes(" config --format json")) return { stdout: '{"name":"tp","services":{}}' };
      if (line.includes(" ps --all")) {
        return { stdout: psJson([{ service: "api", ...(connected ? {} : { state }) }]) };
      }
      if (!line.startsWith("docker network connect")) return {};
      connected = true;
      return connecting ? { code: 1, stderr: connecting } : {};
    },
  });
  const asked = parseArguments(["drill"], "tp", "1");
  assert.ok("verb" in asked);
  const session = await openSession(
    host,
    HOME,
    { start() {}, update() {}, finish() {}, async end() {} },
    asked,
  );
  return { host, session };
}

Deno.test("a container is taken off the network, and put back under its service's name", async () => {
  const { host, session } = await cutOff("running");
  const { inflict, mend } = severance("api", "data");
  assert.match(await inflict(session, runningRow()), /tp-api-1 off the network tp_data/);
  assert.equal(await mend(session, runningRow()), "api healthy");
  assert.deepEqual(host.commands.filter((line) => line.startsWith("docker network")), [
    "docker network disconnect tp_data tp-api-1",
    "docker network connect --alias api tp_data tp-api-1",
  ]);
});

Deno.test("a container that went down without its network is put back too", async () => {
  const { session } = await cutOff("restarting");
  assert.equal(await severance("api", "data").mend(session, runningRow()), "api healthy");
});

Deno.test("one that is on the network already needs no mending, one that Docker refuses fails it", async () => {
  const there = await cutOff(
    "running",
    "Error response from daemon: endpoint with name x already exists in network tp_data",
  );
  assert.equal(await severance("api", "data").mend(there.session, runningRow()), "api healthy");
  const refused = await cutOff("running", "Error response from daemon: network tp_data not found");
  await assert.rejects(severance("api", "data").mend(refused.session, runningRow()), {
    message: "api cannot be connected",
  });
});
