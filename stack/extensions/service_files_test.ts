/** The scrape job of an adopted service asks for what was adopted. */
import assert from "node:assert/strict";
import { parse } from "yaml";
import { serviceFiles } from "./service_files.ts";

function jobOf(address: string, target: string, typed = true) {
  const files = serviceFiles({ name: "shop", url: new URL(address), target, typed, process: [] });
  return parse(files.get("scrape/shop.yml")!).scrape_configs[0];
}

Deno.test("a path is written as Prometheus wants it, unescaped, and a query as its parameters", () => {
  const { metrics_path, params } = jobOf("http://shop:3000/a%20b?x=1&x=2%263&y=", "shop:3000");
  assert.equal(metrics_path, "/a b");
  assert.deepEqual(params, { x: ["1", "2&3"], y: [""] });
  assert.equal(jobOf("http://shop:3000/50%", "shop:3000").metrics_path, "/50%");
});

Deno.test("a certificate is checked for the name that was adopted, not for the way to it", () => {
  const { scheme, tls_config } = jobOf("https://localhost:3000/", "host.docker.internal:3000");
  assert.deepEqual([scheme, tls_config], ["https", { server_name: "localhost" }]);
  assert.equal(jobOf("https://shop.example.com/", "shop.example.com:443").tls_config, undefined);
});

Deno.test("a content type that Prometheus does not know has the text format named", () => {
  assert.equal(jobOf("http://shop/", "shop:80", false).fallback_scrape_protocol, "PrometheusText0.0.4");
  assert.equal(jobOf("http://shop/", "shop:80").fallback_scrape_protocol, undefined);
});
