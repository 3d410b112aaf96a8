/** A database of an earlier version, whose processes have ended, is given to this version's API and workers. */
import assert from "node:assert/strict";
import {
  type EarlierThoughts,
  makeEarlierSchema,
  storeEarlierThoughts,
  VERSIONS,
} from "../support/earlier_schema.ts";
import { faultTest } from "./services.ts";
import { startSystem } from "./system.ts";

/** The oldest there has been, and the last before this one. */
for (const version of [VERSIONS[1]!, VERSIONS.at(-2)!]) {
  faultTest(
    `this version completes what version ${version} of the schema left, and reads what that completed`,
    async (services) => {
      let earlier: EarlierThoughts;
      await using system = await startSystem(services, {
        workers: 1,
        env: { REQUEUE_AFTER_MS: "2000" },
        async prepare(audit) {
          await makeEarlierSchema(audit, version);
          earlier = await storeEarlierThoughts(audit, version);
        },
      });
      await system.settled(30_000);
      const { unfinished, completed, failed } = earlier!;
      const all = [...unfinished, completed, failed];
      assert.deepEqual(await system.audit.verdict(all), {
        stored: all.length,
        completed: unfinished.length + 1,
        failed: 1,
        lost: 0,
        twice: 0,
        mixedUp: 0,
      });
      for (const id of all) {
        const response = await fetch(`${system.api.url}/thoughts/${id}`);
        assert.equal(response.status, 200);
        const { status, result } = await response.json();
        assert.deepEqual([status, result === null], id === failed ? ["failed", true] : ["completed", false]);
      }
    },
  );
}
