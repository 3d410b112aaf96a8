/** One item of the CIS Docker Benchmark, and what this project does about it. */
import type { Container } from "./container.ts";

export interface Item {
  /** Number and title of version 1.6.0, as docker-bench-security 1.6.0 has them. */
  readonly id: string;
  readonly title: string;
  /** What is enforced instead of, or beyond, the item; or why nothing is. */
  readonly note?: string;
  readonly check: ContainerCheck | FileCheck | Unchecked;
}

export interface ContainerCheck {
  readonly of: "containers";
  holds(container: Container): boolean;
  /** Whether something other than the title is enforced; the note says what. */
  readonly otherwise?: true;
  /** Services that may break it, and why. One that does not break it may not stand here. */
  readonly accepted?: Readonly<Record<string, string>>;
}

export interface FileCheck {
  readonly of: "Dockerfile";
  holds(dockerfile: string): boolean;
}

/** Not decided by these files: an accepted risk, another party's task, or not applicable. */
export interface Unchecked {
  readonly of: "accepted" | "the host's" | "does not apply";
}

/**
 * @returns the services that break an item without an exception, and those with an exception that they do not
 * need
 */
export function offences(
  { id, check }: Item,
  containers: readonly Container[],
  dockerfile: string,
): string[] {
  if (check.of === "Dockerfile") return check.holds(dockerfile) ? [] : [`${id}: Dockerfile`];
  if (check.of !== "containers") return [];
  const accepted = check.accepted ?? {};
  return containers.flatMap((container) => {
    const holds = check.holds(container);
    if (holds && container.name in accepted) return [`${id}: ${container.name} needs no exception any more`];
    return holds || container.name in accepted ? [] : [`${id}: ${container.name}`];
  });
}
