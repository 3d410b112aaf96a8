/** Which licences a package may have, so that this project can be given away under MIT with the package inside. */
import type { Package } from "./packages.ts";

/**
 * All of these let a program be passed on under its own terms, for a copy of the notice at most. By SPDX identifier; an
 * expression (`MIT OR GPL-2.0`) is none of them, so that a person looks at it.
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

/** Packages with another licence, and why that is in order. They may go into nothing that is given away. */
export const DEVELOPMENT_ONLY: Readonly<Record<string, { readonly licence: string; readonly why: string }>> =
  {
    "axe-core": {
      licence: "MPL-2.0",
      why:
        "Run unchanged by the browser tests. MPL asks for the source of changed files to be passed on with them.",
    },
  };

/** @returns what is wrong with the packages' licences, a sentence for each offence */
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
