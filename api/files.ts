/** Files of a page, from this program or an npm package: read when first requested, and only those named. */
import { Problem } from "./problem.ts";
import type { Routes } from "./routes.ts";
import { staticText } from "./static_text.ts";

export interface PageFile {
  readonly type: "text/css" | "text/javascript" | "image/svg+xml";
  readonly load: () => Promise<string>;
}

/** Serves files below a folder. They are not part of the API and in no document. */
export function addFiles(routes: Routes, folder: string, files: Readonly<Record<string, PageFile>>): void {
  const headers = { "cache-control": "public, max-age=300" };
  const byName = new Map(
    Object.entries(files).map(([name, file]) => [name, staticText({ ...file, headers })]),
  );
  routes.addPage(`${folder}/:file`, (c) => {
    const file = byName.get(c.req.param("file") ?? "");
    if (file === undefined) throw new Problem("route-not-found");
    return file(c);
  });
}
