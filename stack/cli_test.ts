/** What the command line accepts, and how it reports what it does not. */
import assert from "node:assert/strict";
import { parseArguments } from "./cli.ts";
import { EXIT } from "./failure.ts";

const parse = (...args: string[]) => parseArguments(args, "tp", "1.2.3");
const options = (...args: string[]) => {
  const result = parse(...args);
  assert.ok("verb" in result, JSON.stringify(result));
  return result;
};
const said = (...args: string[]) => {
  const result = parse(...args);
  assert.ok("text" in result, JSON.stringify(result));
  return result;
};

Deno.test("without a verb it is up, with everything on", () => {
  const { verb, verify, build, json, timeoutMs, without, workers } = options();
  assert.deepEqual({ verb, verify, build, json, timeoutMs, without, workers }, {
    verb: "up",
    verify: true,
    build: true,
    json: false,
    timeoutMs: 180_000,
    without: undefined,
    workers: undefined,
  });
});

Deno.test("flags go with or without the verb up", () => {
  for (const verb of [[], ["up"]]) {
    const flags = [
      "--without",
      "tempo, grafana",
      "--workers",
      "5",
      "--timeout",
      "3m",
      "--no-verify",
      "--no-build",
    ];
    const { without, workers, timeoutMs, verify, build } = options(...verb, ...flags);
    assert.deepEqual([without, workers, timeoutMs, verify, build], [
      ["tempo", "grafana"],
      5,
      180_000,
      false,
      false,
    ]);
  }
});

Deno.test("durations have a unit; seconds without one", () => {
  const ms = (text: string) => options("--timeout", text).timeoutMs;
  assert.deepEqual([ms("90"), ms("90s"), ms("2m"), ms("500ms")], [90_000, 90_000, 120_000, 500]);
});

Deno.test("logs takes a service", () => {
  const { verb, service, follow } = options("logs", "kafka-worker", "-f");
  assert.deepEqual([verb, service, follow], ["logs", "kafka-worker", true]);
});

Deno.test("help and version are results, not failures, and name every exit code", () => {
  const help = said("--help");
  assert.equal(help.code, EXIT.ok);
  for (const code of Object.values(EXIT)) assert.match(help.text, new RegExp(`^ +${code}  \\S`, "m"));
  assert.deepEqual(said("--version"), { text: "1.2.3\n", code: EXIT.ok });
  assert.match(said("up", "--help").text, /--without/);
});

Deno.test("what is wrong is named, with the way to the help", () => {
  const cases: [string[], RegExp][] = [
    [["frob"], /unknown command 'frob'/],
    [["--frob"], /unknown option '--frob'/],
    [["--workers", "0"], /from 1 to 10/],
    [["--timeout", "soon"], /90s or 3m/],
    [["verify", "--workers", "2"], /unknown option '--workers'/],
  ];
  for (const [args, words] of cases) {
    const { text, code } = said(...args);
    assert.equal(code, EXIT.usage, `${args}`);
    assert.match(text, words);
    assert.match(text, /See: tp --help/);
  }
});

Deno.test("docs/launcher.md names every verb, flag and exit code", () => {
  const page = Deno.readTextFileSync(new URL("../docs/launcher.md", import.meta.url));
  const words = (text: string) =>
    [...text.matchAll(/^ {2}(-\w, )?(--[\w-]+|\w+)/gm)].map(([, , word]) => word!);
  const verbs = words(said("--help").text.split("Commands:")[1]!.split("Flags of up")[0]!);
  const flags = verbs.flatMap((verb) => words(said(verb, "--help").text)).filter((word) => word !== "--help");
  assert.ok(verbs.includes("doctor") && flags.includes("--without"), `${verbs} ${flags}`);
  for (const word of [...verbs, ...flags]) {
    assert.ok(page.includes(word), `${word} is not in docs/launcher.md`);
  }
  for (const code of Object.values(EXIT)) assert.match(page, new RegExp(`^\\| ${code} +\\|`, "m"));
});
