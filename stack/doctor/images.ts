/** Images: on this machine, or available from their registry. */
import type { Declared } from "../docker/compose.ts";
import type { Docker } from "../docker/docker.ts";
import { type LaunchFailure, prerequisite } from "../failure.ts";
import type { Finding } from "../checklist.ts";
import { OPTIONAL } from "../services.ts";

export async function checkImages(
  docker: Docker,
  declared: readonly Declared[],
  askRegistries: boolean,
): Promise<string | Finding> {
  const ours = builtImages(declared);
  const pulled = declared.filter((s) => !ours.has(s.image));
  const images = [...new Set(pulled.map((s) => s.image))];
  const absent = await docker.missing(images);
  if (absent.length === 0) return `all ${images.length} are here`;
  const toPull = `${absent.length} of ${images.length} to be pulled: ${absent.join(" ")}`;
  if (!askRegistries) return { warn: true, text: toPull, notes: [PULLED_LATER] };
  const refusals = await Promise.all(absent.map((image) => docker.cannotPull(image)));
  const refused = absent.filter((_, i) => refusals[i] !== undefined);
  if (refused.length > 0) throw cannotPull(refused, refusals.find((why) => why !== undefined)!, pulled);
  return { warn: true, text: toPull, notes: [PULLED_LATER] };
}

/** Images that are neither present nor in their registry, with the services that need them. */
export function cannotPull(
  images: readonly string[],
  why: string,
  declared: readonly Declared[],
): LaunchFailure {
  const needing = declared.filter(({ image }) => images.includes(image)).map(({ name }) => name);
  const canBeLeftOut = needing.every((name) => OPTIONAL.includes(name));
  return prerequisite(`The image ${images.join(", ")} cannot be pulled`, {
    cause: why,
    next: [
      `try by hand: docker pull ${images[0]}`,
      "behind a proxy: https://docs.docker.com/engine/daemon/proxy/",
      ...(canBeLeftOut ? [`or start without: --without ${needing.join(",")}`] : []),
    ],
  });
}

const PULLED_LATER = "`up` pulls them; the first time takes some minutes";

/** Images that are built here, whichever of their services has the build section. */
export function builtImages(declared: readonly Declared[]): Set<string> {
  return new Set(declared.filter((s) => s.built).map((s) => s.image));
}
