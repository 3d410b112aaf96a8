/** The running stack, as the proof and the drills see it. */
import type { Endpoints } from "./endpoints.ts";
import type { Host } from "./host.ts";
import type { Paths } from "./paths.ts";
import type { Selection } from "./services.ts";

export interface RunningStack {
  readonly host: Host;
  readonly paths: Paths;
  readonly selection: Selection;
  readonly endpoints: Endpoints;
  /** Worker containers that are declared. */
  readonly workers: number;
  /** `user:password` */
  readonly grafanaLogin: string;
}
