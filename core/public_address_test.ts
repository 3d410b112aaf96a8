import assert from "node:assert/strict";
import { isPublicAddress } from "./public_address.ts";

Deno.test("isPublicAddress() is true for addresses of the internet", () => {
  for (const address of ["1.1.1.1", "93.184.215.14", "172.32.0.1", "2606:4700:4700::1111", "2a00:1450::1"]) {
    assert.ok(isPublicAddress(address), address);
  }
});

Deno.test("isPublicAddress() is false for this machine, private networks, metadata, and IPv4 inside IPv6", () => {
  const others = [
    "127.0.0.1",
    "127.8.8.8",
    "0.0.0.0",
    "10.1.2.3",
    "172.17.0.2",
    "192.168.1.1",
    "100.64.0.1",
    "169.254.169.254",
    "192.0.0.1",
    "192.0.2.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1", // IPv4-compatible
    "::ffff:127.0.0.1",
    "::ffff:8.8.8.8",
    "64:ff9b::7f00:1", // NAT64
    "64:ff9b:1::a00:1",
    "2002:7f00:1::", // 6to4
    "2001:0:7f00:1::", // Teredo
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fec0::1",
    "ff02::1",
    "2001:db8::1",
    "localhost",
    "",
  ];
  assert.deepEqual(others.filter(isPublicAddress), []);
});
