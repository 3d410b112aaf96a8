/** The running stack, as the proof and the drills see it. */
import type { Endpoints } from "./endpoints.ts";
import type { Host } from "./host.ts";
import type { Paths } from "./paths.ts";
import type { Selection, ServiceName } from "./services.ts";

export interface RunningStack {
  readonly host: Host;
  readonly paths: Paths;
  readonly selection: Selection;
  readonly endpoints: Endpoints;
  /** Worker containers that are declared. */
  readonly workers: number;
  /** `user:password` */
  readonly grafanaLogin: string;
  /** Sent to the API, where it asks for one. */
  readonly apiKey?: string | undefined;
  /** Where the workers themselves cannot be asked how much they have done. */
  readonly counter?: WorkCounter;
  /** How a service that was not given is given, such as a flag; absent where services are left out on purpose. */
  readonly howToGive?: (service: ServiceName) => string;
}

/** Counts the thoughts that the workers have processed. */
export interface WorkCounter {
  processed(): Promise<number>;
  /** It is this far behind at most, in milliseconds. */
  readonly delayMs: number;
}
