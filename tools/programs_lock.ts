/**
 * `programs.lock`: the part of deno.lock that the programs need. Deno fetches whatever the lock file lists; with this
 * one, the image has nothing in it that only tests, dashboards and the launcher use.
 */
import type { Package } from "./packages.ts";

interface Lock {
  readonly specifiers: Readonly<Record<string, string>>;
  /** By name and version; behind an underscore, the peers that it was resolved with. */
  readonly npm: Readonly<Record<string, unknown>>;
}

/** @param text of deno.lock */
export function programsLock(text: string, packages: readonly Package[]): string {
  const lock: Lock = JSON.parse(text);
  const needed = new Set(
    packages.filter(({ goesInto }) => goesInto.includes("image")).map(({ name, version }) =>
      `${name}@${version}`
    ),
  );
  const isNeeded = (id: string) => needed.has(/^(@?[^@]+@[^_]+)/.exec(id)?.[1] ?? "");
  const npm = Object.fromEntries(Object.entries(lock.npm).filter(([id]) => isNeeded(id)));
  const specifiers = Object.fromEntries(
    Object.entries(lock.specifiers).filter(([specifier]) => isNeeded(specifier.replace(/^npm:/, ""))),
  );
  return `${JSON.stringify({ ...lock, specifiers, npm }, null, 2)}\n`;
}
