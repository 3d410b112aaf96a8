/** Reports as text and as JSON. */
import assert from "node:assert/strict";
import { EXIT, LaunchFailure } from "../failure.ts";
import { type Address, addressText, exitCode, failureText, toJson } from "./report.ts";

const failure = (kind: "service" | "target" | "proof") =>
  new LaunchFailure(kind, {
    what: "it broke",
    cause: "rust",
    next: ["oil it", "or buy another"],
    evidence: ["crack"],
  });
const grafana: Address = {
  service: "grafana",
  url: "http://localhost:3001",
  does: "dashboards",
  login: { user: "admin", password: "s3cret", file: "/x/.env" },
};
const worker = (port: number): Address => ({
  service: "kafka-worker",
  url: `http://localhost:${port}`,
  does: "work",
});
const launcher = { command: "tp", packed: true };
const plain = { colour: false, columns: 80 };

Deno.test("exitCode() is that of the first cause", () => {
  assert.equal(exitCode([]), EXIT.ok);
  assert.equal(exitCode([failure("proof"), failure("target")]), EXIT.target);
  assert.equal(exitCode([failure("target"), failure("service")]), EXIT.service);
});

Deno.test("failureText() says what, why, the evidence and every next step", () => {
  assert.equal(
    failureText(plain, failure("service"), launcher),
    "\n✖ it broke\n  cause  rust\n  │ crack\n  next   oil it\n         or buy another\n",
  );
});

Deno.test("addressText() has one row a service, and the login below", () => {
  const lines = addressText(plain, [grafana, worker(8001), worker(8004)]).trim().split("\n");
  assert.equal(lines.length, 3);
  assert.match(lines[1]!, /kafka-worker +http:\/\/localhost:8001 :8004 +work/);
  assert.match(lines[2]!, /grafana login: admin \/ s3cret/);
});

Deno.test("toJson() carries no password", () => {
  const report = { verb: "up", seconds: 1.234, checklists: [], failures: [failure("proof")], leftOut: [] };
  const text = toJson({ ...report, addresses: [grafana] }, launcher);
  assert.doesNotMatch(text, /s3cret/);
  const { ok, exitCode, failures, addresses } = JSON.parse(text);
  assert.deepEqual([ok, exitCode, failures[0].cause], [false, EXIT.proof, "rust"]);
  assert.deepEqual(addresses[0], {
    service: "grafana",
    url: grafana.url,
    user: "admin",
    passwordIn: "/x/.env",
  });
});
