// deno-lint-ignore-file no-console -- a command line program
/**
 * Counts files and lines of production code per folder, and classes and fields per part, at a commit:
 *
 *   deno run --allow-run=git tools/rooms.ts [COMMIT]
 */
import { table } from "./markdown_table.ts";

const commit = Deno.args[0] ?? "HEAD";

/** What runs in production, or generates or checks what does. Tests, data and documents are not counted. */
const CODE = /\.(tsx?|js|css|sql)$/;
const TEST = /_test\.ts$|^tests\/|^bench\/|\/test_\w+\.ts$/;

const rooms = new Map<string, { files: number; lines: number }>();
for (const line of (await git("grep", "-c", "", commit, "--", ".")).trimEnd().split("\n")) {
  const [, path = "", lines = "0"] = /^[^:]+:(.+):(\d+)$/.exec(line) ?? [];
  if (!CODE.test(path) || TEST.test(path)) continue;
  const room = path.includes("/") ? path.slice(0, path.lastIndexOf("/")) : ".";
  const counted = rooms.get(room) ?? { files: 0, lines: 0 };
  rooms.set(room, { files: counted.files + 1, lines: counted.lines + Number(lines) });
}
const rows = [...rooms].sort().map(([room, { files, lines }]) => [`\`${room}/\``, `${files}`, `${lines}`]);
const total = [...rooms.values()].reduce((sum, room) => ({
  files: sum.files + room.files,
  lines: sum.lines + room.lines,
}));
console.log(table(["folder", "files", "lines"], [...rows, ["together", `${total.files}`, `${total.lines}`]]));

/** One dialect: no classes but errors, and `readonly` fields of types. */
const DIALECT = {
  classes: /^(export )?(default )?(abstract )?class /,
  "of them errors": /^(export )?class \w+ extends (\w*Error|Unreachable)\b/,
  "readonly fields": /^ {2}readonly \w+\??: /,
  "plain fields": /^ {2}[a-z]\w*\??: [^,]*;$/,
};
const dialect = await Promise.all(["api", "worker", "core", "stack"].map(async (part) => {
  const files = [`${part}/*.ts`, ":!*_test.ts", ":!*/test_*.ts"];
  const lines = (await git("grep", "-h", "", commit, "--", ...files)).split("\n");
  const counts = Object.values(DIALECT).map((pattern) => lines.filter((line) => pattern.test(line)).length);
  return [`\`${part}/\``, ...counts.map(String)];
}));
console.log(table(["part", ...Object.keys(DIALECT)], dialect));

async function git(...args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command("git", { args }).output();
  const text = new TextDecoder();
  if (!success) throw new Error(`git ${args[0]}: ${text.decode(stderr)}`);
  return text.decode(stdout);
}
