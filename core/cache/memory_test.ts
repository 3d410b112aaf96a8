import assert from "node:assert/strict";
import { openMemoryCache } from "./memory.ts";

Deno.test("values come back in the order of their keys, undefined where there is none", async () => {
  await using cache = openMemoryCache(60);
  await cache.setMany(new Map([["a", "1"], ["b", "2"]]));
  assert.deepEqual(await cache.getMany(["b", "x", "a", "b"]), ["2", undefined, "1", "2"]);
  assert.deepEqual(await cache.getMany([]), []);
  await cache.ping();
});

Deno.test("a value lives as long as the cache was told", async () => {
  await using cache = openMemoryCache(0.02);
  await cache.setMany(new Map([["a", "1"]]));
  assert.deepEqual(await cache.getMany(["a"]), ["1"]);
  await new Promise((resolve) => setTimeout(resolve, 30));
  assert.deepEqual(await cache.getMany(["a"]), [undefined]);
});

Deno.test("the cache is bounded: the least recently used go first", async () => {
  await using cache = openMemoryCache(60);
  const keys = Array.from({ length: 20_001 }, (_, at) => `key ${at}`);
  await cache.setMany(new Map(keys.slice(0, 20_000).map((key) => [key, "x"])));
  await cache.getMany([keys[0]!]);
  await cache.setMany(new Map([[keys[20_000]!, "x"]]));
  assert.deepEqual(await cache.getMany([keys[0]!, keys[1]!, keys[20_000]!]), ["x", undefined, "x"]);
});
