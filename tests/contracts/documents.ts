/**
 * Our Markdown documents: their links, and the queries that they show in blocks marked promql, logql or
 * traceql.
 */
import { dirname, normalize } from "node:path/posix";

export interface DocumentQuery {
  readonly file: string;
  readonly query: string;
}

/**
 * Queries of one language in README.md, MONITORING.md, docs/ and wherever else a Markdown file lies in the
 * repository.
 */
export async function documentQueries(language: "promql" | "logql" | "traceql"): Promise<DocumentQuery[]> {
  const found: DocumentQuery[] = [];
  for (const file of await markdownFiles(".")) {
    const text = await Deno.readTextFile(file);
    for (const [, block = ""] of text.matchAll(new RegExp("```" + language + "\\n([\\s\\S]*?)```", "g"))) {
      // One query a line or separated by a blank line; an indented line continues the one before.
      for (const query of block.trim().split(/\n(?=\S)/)) found.push({ file, query: query.trim() });
    }
  }
  return found;
}

/** Every Markdown file of the repository, without what is installed or built. */
export async function markdownFiles(folder: string): Promise<string[]> {
  const files: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (name.startsWith(".") || name === "node_modules" || name === "dist") continue;
    if (isDirectory) files.push(...await markdownFiles(`${folder}/${name}`));
    else if (name.endsWith(".md")) files.push(`${folder}/${name}`);
  }
  return files.sort();
}

export interface Link {
  readonly from: string;
  /** Relative to the repository, whatever the link was relative to. */
  readonly target: string;
}

/** Links to files and headings of this repository; code, where brackets mean something else, has none. */
export async function relativeLinks(file: string): Promise<Link[]> {
  const text = (await Deno.readTextFile(file)).replaceAll(/^```[\s\S]*?^```|`[^`\n]*`/gm, "");
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = ""]) => target)
    .filter((target) => !/^[a-z]+:/.test(target))
    .map((target) => ({
      from: file,
      target: target.startsWith("#") ? `${file}${target}` : normalize(`${dirname(file)}/${target}`),
    }));
}
