/** A copy of the source with a safeguard removed, to check that the suite would notice. */
import { ROOT } from "../support/process.ts";

export interface BrokenSource extends AsyncDisposable {
  readonly root: string;
}

export interface Removal {
  readonly file: string;
  /** Must stand in the file exactly once, or this fails: a safeguard that moved must be looked for. */
  readonly from: string;
  readonly to: string;
}

/** What the API and the worker need to run. */
const PARTS = ["api", "core", "worker", "deno.json", "deno.lock"];

/** @throws {Error} when the text to take out is not there just once */
export async function breakSource(...removals: readonly Removal[]): Promise<BrokenSource> {
  const root = await Deno.makeTempDir({ prefix: "broken-" });
  const { success } = await new Deno.Command("cp", { args: ["-R", ...PARTS, root], cwd: ROOT }).output();
  if (!success) throw new Error(`Cannot copy the source to ${root}`);
  for (const { file, from, to } of removals) {
    const path = `${root}/${file}`;
    const source = await Deno.readTextFile(path);
    const times = source.split(from).length - 1;
    if (times !== 1) throw new Error(`Cannot break ${file}: "${from}" stands in it ${times} times, not once`);
    await Deno.writeTextFile(path, source.replace(from, () => to));
  }
  return { root, [Symbol.asyncDispose]: () => Deno.remove(root, { recursive: true }) };
}
