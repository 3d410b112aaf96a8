/** A recipe in one of our documents, followed to the letter in a copy of the checkout. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { ROOT } from "./modules.ts";

export interface Checkout extends AsyncDisposable {
  readonly root: string;
  /** Runs Deno in it. @throws {Error} with all it printed, when it fails */
  deno(...args: readonly string[]): Promise<void>;
}

/** Everything under version control, and what is new; not what was installed or built. */
export async function copyCheckout(): Promise<Checkout> {
  const root = await Deno.makeTempDir({ prefix: "recipe-" });
  for await (const { name } of Deno.readDir(ROOT)) {
    if ([".git", ".data", ".env", "dist", "node_modules"].includes(name)) continue;
    await run("cp", ["-R", join(ROOT, name), root], ROOT);
  }
  return {
    root,
    deno: (...args) => run(Deno.execPath(), args, root),
    [Symbol.asyncDispose]: () => Deno.remove(root, { recursive: true }),
  };
}

interface Step {
  readonly file: string;
  readonly place: "new" | "end" | "above";
  /** The line that the text goes above. */
  readonly line?: string | undefined;
  readonly text: string;
}

const STEP =
  /(?:(?<kind>Create|[Aa]t the end of)\s+`(?<file>[^`]+)`|[Ii]n\s+`(?<into>[^`]+)`,\s+above\s+`(?<line>[^`]+)`):\n\n```\w+\n(?<text>[\s\S]*?)\n```/g;

/** The edits that a section asks for, in its order. */
export async function readRecipe(document: string, heading: string): Promise<Step[]> {
  const section = sectionOf(await Deno.readTextFile(join(ROOT, document)), heading);
  assert.notEqual(section, "", `${document} has no section "${heading}"`);
  const steps = [...section.matchAll(STEP)].map(({ groups }): Step => {
    const { kind, file, into, line, text } = groups as Record<string, string>;
    const place = line !== undefined ? "above" : kind === "Create" ? "new" : "end";
    return { file: (into ?? file)!, place, line, text: text! };
  });
  const blocks = section.match(/^```(?!sh$)\w+$/gm) ?? [];
  assert.equal(steps.length, blocks.length, `every block of "${heading}" says which file it belongs to`);
  return steps;
}

/** From its heading to the next of its rank; headings inside code belong to the code. */
function sectionOf(document: string, heading: string): string {
  const parts = document.split(/^(```[\s\S]*?^```$)/m);
  const headings = parts.map((part, n) => n % 2 === 1 ? part : part.replaceAll(/^## /gm, "\0")).join("");
  return headings.split("\0").find((part) => part.startsWith(`${heading}\n`)) ?? "";
}

/** @throws {Error} when a file, or the line that something belongs above, is not there */
export async function follow(steps: readonly Step[], root: string): Promise<void> {
  for (const { file, place, line, text } of steps) {
    const path = join(root, file);
    if (place === "new") {
      await Deno.writeTextFile(path, `${text}\n`, { createNew: true });
      continue;
    }
    const lines = (await Deno.readTextFile(path)).trimEnd().split("\n");
    const at = place === "end" ? lines.length : lines.findIndex((found) => found.trim() === line);
    assert.notEqual(at, -1, `${file} has no line \`${line}\``);
    lines.splice(at, 0, ...indented(text, place === "end" ? "" : /^ */.exec(lines[at]!)![0]));
    await Deno.writeTextFile(path, `${lines.join("\n")}\n`);
  }
}

function indented(text: string, by: string): string[] {
  return text.split("\n").map((line) => line === "" ? "" : by + line);
}

async function run(program: string, args: readonly string[], cwd: string): Promise<void> {
  const command = new Deno.Command(program, { args: [...args], cwd, env: { NO_COLOR: "1" } });
  const { success, stdout, stderr } = await command.output();
  const text = new TextDecoder();
  assert.ok(success, `${program} ${args.join(" ")}\n${text.decode(stdout)}${text.decode(stderr)}`);
}
