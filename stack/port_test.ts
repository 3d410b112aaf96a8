import assert from "node:assert/strict";
import { fakeHost } from "../tests/launcher/fake_host.ts";
import { holderOf, isFree } from "./port.ts";

Deno.test("isFree() and holderOf() see this very process", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  assert.equal(isFree(port, "127.0.0.1"), false);
  if (Deno.build.os === "linux") {
    assert.match((await holderOf(port, fakeHost()))!, new RegExp(`\\(pid ${Deno.pid}\\)`));
  }
  listener.close();
  assert.equal(isFree(port, "127.0.0.1"), true);
});
