/** A service as `adopt` finds it, for tests of the files that it writes. */
import type { Service } from "../../stack/extensions/service_files.ts";

export const SHOP: Service = {
  name: "shop",
  url: new URL("http://localhost:3000/metrics"),
  target: "host.docker.internal:3000",
  process: [],
  typed: true,
  requests: {
    counter: "http_request_duration_seconds_count",
    status: "code",
    route: "route",
    durations: {
      metric: "http_request_duration_seconds",
      buckets: true,
      perSecond: 1,
      bounds: [0.5, 1, 2],
    },
  },
};
