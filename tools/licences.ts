/** The licences that a package may have if it is distributed inside this project, under MIT. */
import type { Package } from "./packages.ts";

/**
 * SPDX identifiers. All of these allow a program to be distributed under its own terms, with a copy of the
 * notice at most. An expression (`MIT OR GPL-2.0`) matches none of them, which leaves it to a person.
 */
const ALLOWED = [
  "0BSD",
  "Apache-2.0",
  "BlueOak-1.0.0",
  "BSD-2-Clause",
  "BSD-3-Clause",
  "ISC",
  "MIT",
  "Unlicense",
];

/**
 * Packages with another licence, and why that is acceptable. They must not go into anything that is
 * distributed.
 */
export const DEVELOPMENT_ONLY: Readonly<Record<string, { readonly licence: string; readonly why: string }>> =
  {
    "axe-core": {
      licence: "MPL-2.0",
      why:
        "Run unchanged by the browser tests. MPL requires the source of changed files to be distributed with them.",
    },
  };

/** @returns a sentence for each package whose licence is not acceptable */
export function licenceOffences(packages: readonly Package[]): string[] {
  return packages.flatMap(({ name, licence, goesInto }) => {
    if (ALLOWED.includes(licence)) return [];
    if (DEVELOPMENT_ONLY[name]?.licence !== licence) return [`${name}: ${licence} is not on the list`];
    if (goesInto.length > 0) {
      return [`${name}: ${licence} is for development only, and it goes into the ${goesInto}`];
    }
    return [];
  });
}
