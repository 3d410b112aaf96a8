/** Whether a port is free, and which program holds it. */
import assert from "node:assert/strict";
import { fakeHost } from "../../tests/launcher/fake_host.ts";
import { holderOf, isFree } from "./port.ts";

Deno.test("isFree() sees a listener, and that it is gone", () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  assert.equal(isFree(port), false);
  listener.close();
  assert.equal(isFree(port), true);
});

Deno.test("holderOf() tries ss, then lsof, and returns nothing if neither knows", async () => {
  const ss = 'LISTEN 0 4096 127.0.0.1:3001 0.0.0.0:* users:(("node",pid=4711,fd=4))\n';
  const told = (answers: Record<string, string>) =>
    holderOf(3001, fakeHost({ run: (line) => ({ stdout: answers[line.split(" ")[0]!] ?? "" }) }));
  assert.equal(await told({ ss }), "node (pid 4711)");
  assert.equal(await told({ lsof: "p4712\ncPython\nf3\n" }), "Python (pid 4712)");
  assert.equal(await told({ ss: "LISTEN 0 4096 127.0.0.1:3001 0.0.0.0:*\n" }), undefined);
});
