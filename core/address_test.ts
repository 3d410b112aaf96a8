import assert from "node:assert/strict";
import { AddressError, parseAddress, shown } from "./address.ts";
import { parseRedisAddress } from "./cache/redis_address.ts";
import { parsePostgresAddress } from "./store/postgres_address.ts";

Deno.test("an address is read into its parts, each decoded", () => {
  const { parameters, ...parts } = parseAddress("redis://a%40da:p%23%2F%3A@one:1,[::1]:2/0?x=%20y");
  assert.deepEqual(parts, {
    protocol: "redis",
    user: "a@da",
    password: "p#/:",
    hosts: [{ host: "one", port: 1 }, { host: "::1", port: 2 }],
    path: "0",
  });
  assert.deepEqual([...parameters], [["x", " y"]]);
});

Deno.test("an address is shown without its password and parameters", () => {
  assert.equal(
    shown(parseAddress("postgres://a%40da:canary@one:1,[::1]/x?sslkey=y")),
    "postgres://a%40da@one:1,[::1]/x",
  );
});

Deno.test("an @ in a password that is not encoded belongs to the password", () => {
  assert.equal(parsePostgresAddress("postgres://ada:can@ry@db:5432/x").password, "can@ry");
});

for (
  const url of [
    "postgres://ada:12#canary@db/x",
    "postgres://ada:12/canary@db/x",
    "postgres://ada:12?canary@db/x",
    "postgres://ada:12?canary=1@db/x",
    "postgres://ada:can%ary@db/x",
    "postgres://ada:12:canary",
    "postgres://db:canary/x",
    "canary",
    "mysql://ada:canary@db/x",
    "postgres://:canary@db/x",
    "postgres://ada@db/canary/x",
    "postgres://ada@db/x?sslmode=canary",
  ]
) {
  Deno.test(`"${url}" is refused, and nothing of a password is said`, () => {
    assert.throws(
      () => parsePostgresAddress(url),
      (error) => error instanceof AddressError && !/canary/.test(error.message),
    );
  });
}

Deno.test("a parameter that is not known is refused by its name, with the names that are", () => {
  assert.throws(
    () => parsePostgresAddress("postgres://ada@db/x?sslmod=require&foo=1&connect_timeout=3"),
    /unknown parameters sslmod, foo; known are sslmode, /,
  );
});

for (
  const [parameters, mode] of [
    ["", "disable"],
    ["?sslmode=prefer", "prefer"],
    ["?sslmode=require", "require"],
    ["?sslmode=require&channel_binding=require", "verify-full"],
    ["?sslmode=require&sslrootcert=/ca.pem", "verify-full"],
    ["?sslmode=verify-ca", "verify-full"],
    ["?sslmode=verify-full&sslrootcert=system", "verify-full"],
    ["?schema=public&pgbouncer=true&connection_limit=1", "disable"],
  ] as const
) {
  Deno.test(`postgres://…${parameters} means TLS ${mode}`, () => {
    assert.equal(parsePostgresAddress(`postgres://ada@db/x${parameters}`).tls.mode, mode);
  });
}

Deno.test("what providers put behind the address is honoured", () => {
  const { schema, pooled, connectionLimit, tls, hosts } = parsePostgresAddress(
    "postgres://ada@one,two:6543/x?schema=notes&pgbouncer=true&connection_limit=7&sslrootcert=/ca.pem&supa=base-pooler.x",
  );
  assert.deepEqual({ schema, pooled, connectionLimit, ca: tls.rootCertificate, hosts }, {
    schema: "notes",
    pooled: true,
    connectionLimit: 7,
    ca: "/ca.pem",
    hosts: [{ host: "one", port: 5_432 }, { host: "two", port: 6_543 }],
  });
});

Deno.test("a Redis has its user, password, database and TLS in its address", () => {
  assert.deepEqual(parseRedisAddress("rediss://ada:secret@cache/3"), {
    name: "rediss://ada@cache/3",
    host: "cache",
    port: 6_379,
    user: "ada",
    password: "secret",
    tls: true,
    database: 3,
  });
  for (const url of ["redis://a,b", "redis://a/x", "redis://a?db=1", "http://:canary@a"]) {
    assert.throws(() => parseRedisAddress(url), AddressError, url);
  }
});
