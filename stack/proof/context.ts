import type { Endpoints } from "../docker/endpoints.ts";
import type { Home } from "../paths.ts";
import type { Host } from "../host.ts";
import type { Selection } from "../services.ts";

/** The running stack that is to be proven. */
export interface Proven {
  host: Host;
  home: Home;
  selection: Selection;
  endpoints: Endpoints;
  /** Containers that the worker should have. */
  workers: number;
  /** `user:password` */
  grafanaLogin: string;
}
