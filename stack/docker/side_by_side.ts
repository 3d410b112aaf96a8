/** A second stack beside another, with its own name, image and host ports. */
import { SERVICES } from "../services.ts";
import type { Compose } from "./compose.ts";
import { freeRow, portsFrom } from "./port.ts";

/** Our image's default name, which two folders must not share. */
const DEFAULT_IMAGE = "thought-processor";

/** The variables of a stack with this name; a port that is taken moves up to a free one. */
export async function projectVariables(name: string, compose: Compose): Promise<Record<string, string>> {
  const { services } = await compose.config();
  const variables: Record<string, string> = { COMPOSE_PROJECT_NAME: name };
  if (services.some(({ image }) => image === DEFAULT_IMAGE)) variables.APP_IMAGE = name;
  const promised = new Set<number>();
  for (const service of SERVICES) {
    const [ports] = services.find((declared) => declared.name === service.name)?.ports ?? [];
    if (!("portVariable" in service) || !ports || ports.from === 0) continue;
    const count = ports.to - ports.from + 1;
    const first = freeRow(ports.from, count, promised);
    if (first === undefined) continue;
    for (const port of portsFrom(first, count)) promised.add(port);
    variables[service.portVariable] = count === 1 ? `${first}` : `${first}-${first + count - 1}`;
  }
  return variables;
}
