/**
 * What a page of another site, open in a browser on this machine, may do to the API: nothing that changes
 * anything. One whose name was made to point here is in api/access_test.ts.
 */
import assert from "node:assert/strict";
import { openTestApp } from "../support/test_app.ts";

const THOUGHT = JSON.stringify({ user_id: "mallory", text: "posted by another site" });
const ELSEWHERE = { origin: "https://example.com", "sec-fetch-site": "cross-site" };

/** What a browser sends across sites without a preflight: the types of forms, and none. */
const SIMPLE_TYPES = [
  "text/plain",
  "application/x-www-form-urlencoded",
  "multipart/form-data; boundary=x",
  "",
];

Deno.test("a page of another site cannot post a thought, an alert, or a delete", async () => {
  await using app = await openTestApp();
  const id = await app.accepted("mine");
  for (const path of ["/thoughts", "/alerts"]) {
    for (const type of SIMPLE_TYPES) {
      // As bytes: a string as body would bring a type of its own.
      const body = new TextEncoder().encode(THOUGHT);
      const headers = { ...ELSEWHERE, ...(type ? { "content-type": type } : {}) };
      assert.equal(
        (await app.request(path, { method: "POST", headers, body })).status,
        415,
        `${path} ${type}`,
      );
    }
  }
  // For everything else the browser sends a preflight, and is not allowed.
  for (const [path, method] of [["/thoughts", "POST"], ["/alerts", "POST"], [`/thoughts/${id}`, "DELETE"]]) {
    const asked = {
      "access-control-request-method": method!,
      "access-control-request-headers": "content-type",
    };
    const answer = await app.request(path!, { method: "OPTIONS", headers: { ...ELSEWHERE, ...asked } });
    assert.equal(answer.headers.get("access-control-allow-origin"), null, path);
    assert.equal(answer.headers.get("access-control-allow-headers"), null, path);
  }
});

Deno.test("a page of another site cannot read a response, nor put the live page into a frame", async () => {
  await using app = await openTestApp();
  for (const path of ["/", "/thoughts?user_id=me", "/metrics", "/openapi.json"]) {
    const { headers } = await app.request(path, { headers: ELSEWHERE });
    assert.equal(headers.get("access-control-allow-origin"), null, path);
    assert.equal(headers.get("cross-origin-resource-policy"), "same-origin", path);
    assert.match(headers.get("content-security-policy") ?? "", /frame-ancestors 'none'/, path);
  }
});
