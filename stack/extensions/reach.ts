/** The address at which Prometheus, in its container, reaches a service of this machine. */
import type { Finding } from "../checklist.ts";
import { ask, Unreachable } from "../clients/http.ts";
import { LaunchFailure } from "../failure.ts";
import type { Live } from "./live.ts";

export interface Reach {
  /** `host:port`, as seen from a container. */
  readonly target: string;
  readonly finding: string | Finding;
}

/** This machine, from inside a container. */
const MACHINE = "host.docker.internal";
const LOOPBACK = /^(localhost|127(\.\d+){3}|0\.0\.0\.0|\[::1?\])$/;

/** Whether an address means this machine by its loopback. */
export function isThisMachine({ hostname }: URL): boolean {
  return LOOPBACK.test(hostname);
}

/** Whether somebody responded whose certificate is not trusted, or is for another name. */
export function isAboutCertificate({ message }: Unreachable): boolean {
  return /certificate/i.test(message);
}

/**
 * On a Mac and on Windows the virtual machine forwards to this machine's loopback. On Linux a container sees
 * only what listens on Docker's bridge, or on every address.
 *
 * @throws {LaunchFailure} of kind target, when the service listens on loopback only
 */
export async function reachFromContainers(
  { host, docker, engine }: Live,
  url: URL,
  name: string,
): Promise<Reach> {
  const port = url.port || (url.protocol === "https:" ? "443" : "80");
  if (!isThisMachine(url)) {
    return { target: `${url.hostname}:${port}`, finding: `${url.host}, as given` };
  }
  const target = `${MACHINE}:${port}`;
  if (!engine) {
    return { target, finding: { warn: true, text: "not checked: Docker is not running", notes: [] } };
  }
  const bridge = await docker.bridgeAddress();
  if (bridge === undefined) return { target, finding: `${target}, this machine` };
  const seen = new URL(url);
  seen.hostname = bridge;
  try {
    await ask(host, seen.href);
    return { target, finding: `${target}, by ${bridge}` };
  } catch (error) {
    if (!(error instanceof Unreachable)) throw error;
    // Its certificate names the address that was given, and so does the job.
    if (isAboutCertificate(error)) return { target, finding: `${target}, by ${bridge}` };
    throw new LaunchFailure("target", {
      what: `${name} listens on loopback only: no container can reach it`,
      cause: error.message,
      next: [
        {
          text: `let it listen on ${bridge}, which this machine and its containers can reach, then`,
          verb: `adopt ${seen.href} --name ${name}`,
        },
        "or on 0.0.0.0, which every machine can reach that the firewall admits",
      ],
    });
  }
}
