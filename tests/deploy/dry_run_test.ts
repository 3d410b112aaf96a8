/** A real API server accepts every object of every example, its fields strictly checked. */
import assert from "node:assert/strict";
import { startApiServer, testOnApiServer } from "./api_server.ts";
import { EXAMPLES, find, RELEASE, render } from "./chart.ts";

testOnApiServer("an API server would accept every object of every example, without a warning", async () => {
  await using server = await startApiServer();
  await server.makeNamespace(RELEASE.namespace);
  for (const example of EXAMPLES) {
    for (const manifest of await render(example)) {
      const objections = await server.objections(manifest, RELEASE.namespace);
      assert.deepEqual(objections, [], `${example}: ${manifest.kind} ${manifest.metadata.name}`);
    }
  }

  const api = find(await render("minimal"), "Deployment", "-api");
  const { spec } = api;
  const wrong = { ...api, spec: { ...spec, replicaz: 2 } };
  assert.match((await server.objections(wrong, RELEASE.namespace)).join(), /replicaz/);
  const { template } = spec;
  const privileged = { ...template.spec, hostNetwork: true };
  const unsafe = { ...api, spec: { ...spec, template: { ...template, spec: privileged } } };
  assert.match((await server.objections(unsafe, RELEASE.namespace)).join(), /restricted|hostNetwork/);
});
