/** Files that belong to a page, out of this program or an npm package: read when first asked for, and only those named. */
import { Problem } from "./problem.ts";
import type { App } from "./routes.ts";

export interface PageFile {
  readonly type: "text/css" | "text/javascript" | "image/svg+xml";
  readonly load: () => Promise<string>;
}

/** Serves files below a folder. They are no part of the API and stand in no document. */
export function addFiles(app: App, folder: string, files: Readonly<Record<string, PageFile>>): void {
  const byName = new Map(Object.entries(files));
  app.get(`${folder}/:file`, async (c) => {
    const file = byName.get(c.req.param("file") ?? "");
    if (file === undefined) throw new Problem("route-not-found");
    const headers = { "content-type": file.type, "cache-control": "public, max-age=300" };
    return c.body(await file.load(), 200, headers);
  });
}
