/** The queries that our documents show: fenced blocks marked promql, logql or traceql. */

export interface DocumentQuery {
  readonly file: string;
  readonly query: string;
}

/** Queries of one language in README.md, MONITORING.md, docs/ and wherever else a Markdown file lies in the repository. */
export async function documentQueries(language: "promql" | "logql" | "traceql"): Promise<DocumentQuery[]> {
  const found: DocumentQuery[] = [];
  for (const file of await markdownFiles(".")) {
    const text = await Deno.readTextFile(file);
    for (const [, block = ""] of text.matchAll(new RegExp("```" + language + "\\n([\\s\\S]*?)```", "g"))) {
      // One query a line or separated by a blank line; an indented line goes on with the one before.
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
