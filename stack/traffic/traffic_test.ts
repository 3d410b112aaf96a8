/** Traffic against a scripted API: its mix, its rate, and what it leaves behind. */
import assert from "node:assert/strict";
import { fakeHost } from "../../tests/launcher/fake_host.ts";
import { DEFAULT_MIX, KINDS, parseMix, sequence } from "./mix.ts";
import { createTraffic } from "./traffic.ts";

/** An API that keeps thoughts, and refuses those without a text. */
function api(signal?: AbortSignal) {
  const thoughts = new Map<string, string>(); // the user of each
  let posted = 0;
  const host = fakeHost({
    ...(signal && { signal }),
    fetch: ({ pathname, searchParams }, { method, body }) => {
      const user = searchParams.get("user_id");
      if (method === "DELETE" && user !== null) {
        for (const [id, whose] of thoughts) if (whose === user) thoughts.delete(id);
        return Response.json({ thoughts: 0 });
      }
      if (method === "DELETE") {
        return new Response(null, { status: thoughts.delete(pathname.split("/").at(-1)!) ? 204 : 404 });
      }
      if (method !== "POST") return new Response("{}", { status: pathname === "/no-such-page" ? 404 : 200 });
      const { user_id, text } = JSON.parse(String(body));
      if (!text) return Response.json({ title: "No text" }, { status: 422 });
      thoughts.set(`${++posted}`, user_id);
      return Response.json({ id: `${posted}` }, { status: 201 });
    },
  });
  return { host, thoughts, posted: () => posted };
}

const never = new AbortController().signal;

Deno.test("every kind comes as often as its share, spread evenly", () => {
  const kinds = sequence(DEFAULT_MIX);
  const total = KINDS.reduce((sum, kind) => sum + DEFAULT_MIX[kind], 0);
  const drawn = Array.from({ length: 10 * total }, () => kinds.next().value);
  for (const kind of KINDS) {
    assert.equal(drawn.filter((other) => other === kind).length, 10 * DEFAULT_MIX[kind], kind);
  }
  assert.ok(new Set(drawn.slice(0, total)).size === KINDS.length, "all of them within one round");
});

Deno.test("parseMix() reads shares, and names the kinds when it cannot", () => {
  assert.deepEqual(parseMix("fresh=5, bad=1"), {
    ...Object.fromEntries(KINDS.map((kind) => [kind, 0])),
    fresh: 5,
    bad: 1,
  });
  for (const text of ["", "fresh", "fresh=-1", "fresh=101", "nothing=1", "fresh=0"]) {
    assert.throws(() => parseMix(text), SyntaxError, text);
  }
});

Deno.test("it sends at about its rate, counts the responses, and deletes what it posted", async () => {
  const { host, thoughts, posted } = api();
  const traffic = createTraffic({ host, url: "http://api", perSecond: 10, mix: DEFAULT_MIX });
  await traffic.run(60_000, never, () => {});
  const { sent, responses } = traffic.tally();
  assert.ok(sent > 400 && sent < 800, `${sent} of about 600`);
  assert.equal(Object.values(responses).reduce((sum, count) => sum + count, 0), sent);
  assert.deepEqual(Object.keys(responses).sort(), ["2xx", "4xx"]);
  assert.ok(posted() > 100 && thoughts.size === posted());
  await traffic.forget();
  assert.equal(thoughts.size, 0);
});

Deno.test("Ctrl-C stops it, and what it posted is still deleted", async () => {
  const interrupt = new AbortController();
  const { host, thoughts } = api(interrupt.signal);
  const traffic = createTraffic({ host, url: "http://api", perSecond: 10, mix: DEFAULT_MIX });
  const stop = () => thoughts.size > 20 && interrupt.abort(new DOMException("Interrupted", "AbortError"));
  await assert.rejects(traffic.run(600_000, interrupt.signal, stop), { name: "AbortError" });
  await traffic.forget();
  assert.equal(thoughts.size, 0);
});

Deno.test("however long it runs, it keeps at most a thousand thoughts", async () => {
  const { host, thoughts, posted } = api();
  const traffic = createTraffic({ host, url: "http://api", perSecond: 100, mix: parseMix("fresh=1") });
  await traffic.run(30_000, never, () => {});
  assert.ok(posted() > 1_500, `${posted()}`);
  assert.ok(thoughts.size <= 1_000, `${thoughts.size}`);
});
