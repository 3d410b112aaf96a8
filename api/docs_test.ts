import assert from "node:assert/strict";
import { gunzipSync } from "node:zlib";
import { openTestApp } from "../tests/support/test_app.ts";

Deno.test("the OpenAPI document describes every route and response, with the limits of validation", async () => {
  await using api = await openTestApp({ kind: "away" });
  const response = await api.request("/openapi.json");
  assert.equal(response.headers.get("content-type"), "application/json");
  const { openapi, paths, components, webhooks } = await response.json();
  assert.equal(openapi, "3.1.0");
  assert.deepEqual(Object.keys(paths).toSorted(), [
    "/alerts",
    "/docs",
    "/events",
    "/failures",
    "/failures/redrive",
    "/health/live",
    "/health/ready",
    "/metrics",
    "/openapi.json",
    "/pause",
    "/problems/{code}",
    "/runbooks",
    "/runbooks/{alert}",
    "/thoughts",
    "/thoughts/bulk",
    "/thoughts/{id}",
    "/thoughts/{id}/cancel",
    "/thoughts/{id}/events",
    "/thoughts/{id}/redrive",
    "/webhook",
  ]);
  assert.deepEqual(Object.keys(webhooks), ["thought.completed", "thought.failed"]);
  assert.deepEqual(Object.keys(paths["/thoughts"].post.responses), [
    "201",
    "400",
    "401",
    "403",
    "408",
    "413",
    "415",
    "421",
    "422",
    "429",
    "500",
    "503",
  ]);
  const { properties, additionalProperties, required } = components.schemas.CreateThought;
  assert.equal(properties.text.maxLength, 10_000);
  assert.equal(additionalProperties, false);
  assert.deepEqual(required, ["user_id", "text"]);
  assert.equal(properties.text.minLength, 1);
  const problem = paths["/thoughts/{id}"].get.responses["404"].content["application/problem+json"];
  assert.deepEqual(problem.schema, { $ref: "#/components/schemas/Problem" });
});

Deno.test("/docs loads nothing from another host", async () => {
  await using api = await openTestApp({ kind: "away" });
  const page = await api.request("/docs");
  const html = await page.text();
  assert.match(page.headers.get("content-security-policy")!, /default-src 'none'.*script-src 'self'/);
  const files = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path]) => path!);
  assert.ok(files.length >= 3);
  for (const path of files) {
    assert.match(path, /^(docs|live)\//, "relative, so that it works behind a sub-path");
    const file = await api.request(`/${path}`);
    assert.equal(file.status, 200, path);
    assert.match(file.headers.get("content-type")!, /^(text\/(javascript|css)|image\/svg\+xml)/);
    assert.ok((await file.text()).length > 50);
  }
  assert.equal((await api.request("/docs/constructor")).status, 404);
});

Deno.test("what does not change is not sent again, and compressed if the client accepts it", async () => {
  await using api = await openTestApp({ kind: "away" });
  for (const path of ["/openapi.json", "/docs/swagger-ui.js", "/live/page.js"]) {
    const plain = await api.request(path);
    const text = await plain.text();
    const etag = plain.headers.get("etag")!;
    const again = await api.request(path, { headers: { "if-none-match": etag } });
    assert.equal(again.status, 304, path);
    assert.equal(await again.text(), "");
    const packed = await api.request(path, { headers: { "accept-encoding": "br, gzip" } });
    assert.equal(packed.headers.get("content-encoding"), "gzip", path);
    assert.equal(packed.headers.get("vary"), "accept-encoding");
    const bytes = new Uint8Array(await packed.arrayBuffer());
    assert.ok(bytes.length < text.length / 2);
    assert.equal(gunzipSync(bytes).toString(), text);
    const refused = await api.request(path, { headers: { "accept-encoding": "gzip;q=0" } });
    assert.equal(refused.headers.get("content-encoding"), null);
    assert.equal(await refused.text(), text);
  }
});

Deno.test("every problem's type leads to a page that says what to do", async () => {
  await using api = await openTestApp({ kind: "away" });
  for (const path of ["/nothing", "/thoughts/1", "/thoughts/01890a5d-ac96-774b-bcce-b302099a8057"]) {
    const { type, code, title } = await (await api.request(path)).json();
    assert.equal(type, `/problems/${code}`);
    const page = await api.request(type);
    assert.equal(page.status, 200, type);
    assert.match(await page.text(), new RegExp(`<h1>${title}</h1>`));
  }
  const { components } = await (await api.request("/openapi.json")).json();
  for (const code of components.schemas.Problem.properties.code.enum) {
    assert.equal((await api.request(`/problems/${code}`)).status, 200, code);
  }
  assert.equal((await api.request("/problems/nothing")).status, 404);
});

Deno.test("behind a sub-path links lead there, if the proxy is trusted", async () => {
  await using behind = await openTestApp({ access: { trustProxy: true } });
  const thought = { user_id: "ada", text: "x" };
  for (const prefix of ["/thoughts-api", "/thoughts-api/"]) {
    const posted = await behind.post(thought, { "x-forwarded-prefix": prefix });
    assert.match(posted.headers.get("location")!, /^\/thoughts-api\/thoughts\/[0-9a-f-]{36}$/);
    const refused = await behind.post({}, { "x-forwarded-prefix": prefix });
    assert.equal((await refused.json()).type, "/thoughts-api/problems/invalid-request");
  }
  for (const prefix of ["//evil.example", "https://evil.example", "/a b", "\\evil"]) {
    const posted = await behind.post(thought, { "x-forwarded-prefix": prefix });
    assert.match(posted.headers.get("location")!, /^\/thoughts\//, prefix);
  }
  await using direct = await openTestApp();
  const posted = await direct.post(thought, { "x-forwarded-prefix": "/elsewhere" });
  assert.match(posted.headers.get("location")!, /^\/thoughts\//, "anybody can send it");
  const { servers } = await (await direct.request("/openapi.json")).json();
  assert.equal(servers[0].url, ".", "relative to the document");
});
