/** Taking a container off its network, and putting it back. */
import assert from "node:assert/strict";
import { fakeHost, testProgress } from "../../tests/launcher/fake_host.ts";
import { psJson } from "../../tests/launcher/scripted_docker.ts";
import { parseArguments } from "../cli.ts";
import { openContext } from "../context.ts";
import { networkCut } from "./network_cut.ts";

const PATHS = {
  dir: "/nowhere",
  envFile: "/nowhere/.env",
  lastUpFile: "/nowhere/launcher.json",
  extensionsDir: "/nowhere",
};

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
  const options = parseArguments(["drill"], "tp", "1");
  assert.ok("verb" in options);
  const context = await openContext(
    host,
    PATHS,
    { start() {}, update() {}, finish() {}, async end() {} },
    options,
  );
  return { host, context };
}

Deno.test("a container is taken off the network, and put back under its service's name", async () => {
  const { host, context } = await cutOff("running");
  const { inject, repair } = networkCut("api", "data");
  assert.match(await inject(context, testProgress()), /tp-api-1 off the network tp_data/);
  assert.equal(await repair(context, testProgress()), "api healthy");
  assert.deepEqual(host.commands.filter((line) => line.startsWith("docker network")), [
    "docker network disconnect tp_data tp-api-1",
    "docker network connect --alias api tp_data tp-api-1",
  ]);
});

Deno.test("a container that went down without its network is put back too", async () => {
  const { context } = await cutOff("restarting");
  assert.equal(await networkCut("api", "data").repair(context, testProgress()), "api healthy");
});

Deno.test("one that is on the network already needs no repair, one that Docker refuses fails it", async () => {
  const there = await cutOff(
    "running",
    "Error response from daemon: endpoint with name x already exists in network tp_data",
  );
  assert.equal(await networkCut("api", "data").repair(there.context, testProgress()), "api healthy");
  const refused = await cutOff("running", "Error response from daemon: network tp_data not found");
  await assert.rejects(networkCut("api", "data").repair(refused.context, testProgress()), {
    message: "api cannot be connected",
  });
});
