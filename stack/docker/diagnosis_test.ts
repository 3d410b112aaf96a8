/** The errors of other programs that the launcher recognises. */
import assert from "node:assert/strict";
import { likelyCause } from "./diagnosis.ts";

Deno.test("likelyCause() reads what programs say when they fail", () => {
  const cases: [string, RegExp][] = [
    ["Bind for 127.0.0.1:3001 failed: port is already allocated", /port is taken/],
    ["listen tcp 0.0.0.0:9090: bind: address already in use", /port is taken/],
    ["write /prometheus/wal: no space left on device", /disk is full/],
    ["exec /usr/bin/loki: exec format error", /another processor architecture/],
    ['FATAL: password authentication failed for user "thoughts"', /password in \.env/],
    ["WRONGPASS invalid username-password pair", /password in \.env/],
    ["FATAL: database files are incompatible with server", /another version/],
    ["open /etc/x.yml: permission denied", /may not read or write/],
    ["failed parsing config: yaml: line 3", /configuration/],
    ["dial tcp: lookup kafka on 127.0.0.11:53: no such host", /name of another service/],
  ];
  for (const [text, cause] of cases) assert.match(likelyCause(text)?.cause ?? "nothing", cause, text);
  assert.equal(likelyCause("all is well"), undefined);
});
