import assert from "node:assert/strict";
import { refusalOf } from "./webhook_url.ts";

Deno.test("refusalOf() admits https to the internet", () => {
  for (
    const url of ["https://example.org/hooks?token=1", "https://1.1.1.1:8443/", "https://[2606:4700::1111]/"]
  ) {
    assert.equal(refusalOf(url, []), undefined, url);
  }
});

Deno.test("refusalOf() says what is wrong with any other URL, however an address is spelled", () => {
  const refused: [url: string, why: RegExp][] = [
    ["http://example.org/", /https/],
    ["ftp://example.org/", /https/],
    ["example.org", /a URL/],
    ["https://ada:secret@example.org/", /user or password/],
    ["https://example.org/#part", /fragment/],
    [`https://example.org/${"a".repeat(2_000)}`, /2000 characters/],
    ["https://127.0.0.1/", /private/],
    ["https://0x7f.1/", /private/],
    ["https://2130706433/", /private/],
    ["https://[::ffff:127.0.0.1]/", /private/],
    ["https://[::1]/", /private/],
    ["https://169.254.169.254/latest/meta-data/", /private/],
    ["https://localhost/", /private/],
    ["https://localhost./", /private/],
    ["https://api.localhost/", /private/],
  ];
  for (const [url, why] of refused) assert.match(refusalOf(url, []) ?? "", why, url);
});

Deno.test("refusalOf() admits the private hosts that are named, over plain HTTP too", () => {
  const named = ["receiver", "127.0.0.1", "::1"];
  for (const url of ["http://receiver:8080/", "https://receiver/", "http://127.0.0.1:1/", "http://[::1]/"]) {
    assert.equal(refusalOf(url, named), undefined, url);
  }
  assert.match(refusalOf("http://other.receiver/", named)!, /https/);
  assert.match(refusalOf("https://127.0.0.2/", named)!, /private/);
});
