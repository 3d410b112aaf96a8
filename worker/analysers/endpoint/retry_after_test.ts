import assert from "node:assert/strict";
import { retryAfterMs } from "./retry_after.ts";

const NOW = Date.UTC(2026, 0, 1);

for (
  const [headers, ms] of [
    [{ "retry-after": "20" }, 20_000],
    [{ "retry-after": "0.5" }, 500],
    [{ "retry-after": "Thu, 01 Jan 2026 00:00:30 GMT" }, 30_000],
    [{ "retry-after": "Wed, 31 Dec 2025 00:00:00 GMT" }, 0],
    [{ "retry-after-ms": "250", "retry-after": "1" }, 250], // microsoft/kernel-memory#795
    [{ "x-ms-retry-after-ms": "1500" }, 1_500],
    [{ "x-ratelimit-reset-requests": "1m30s" }, 90_000],
    [{ "x-ratelimit-reset-tokens": "7.66s" }, 7_660],
    [{ "x-ratelimit-reset-tokens": "12ms" }, 12],
    [{ "x-rate-limit-reset-tokens": "55" }, 55_000], // openai/openai-python#937
    [
      {
        "x-ratelimit-remaining-requests": "99",
        "x-ratelimit-reset-requests": "24h",
        "x-ratelimit-remaining-tokens": "0",
        "x-ratelimit-reset-tokens": "2s",
      },
      2_000, // the limit that is used up, not the day's
    ],
    [{ "retry-after": "3600" }, 3_600_000],
    [{ "retry-after": "-5" }, undefined],
    [{ "retry-after": "soon" }, undefined],
    [{ "retry-after": "" }, undefined],
    [{ "x-ratelimit-reset-tokens": "-1" }, undefined], // openai/openai-dotnet#838
    [{ "x-ratelimit-reset-tokens": "1e9" }, undefined],
    [{}, undefined],
  ] as const
) {
  Deno.test(`${JSON.stringify(headers)} means ${ms} ms`, () => {
    assert.equal(retryAfterMs(new Headers(headers), NOW), ms);
  });
}
