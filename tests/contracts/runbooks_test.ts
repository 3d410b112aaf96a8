/** The commands of the runbooks work: what they name exists, and PostgreSQL accepts their statements. */
import assert from "node:assert/strict";
import manifest from "../../deno.json" with { type: "json" };
import { DATABASES, openTestDatabase } from "../support/databases.ts";
import { readComposeFile } from "../support/compose_file.ts";

const text = await Deno.readTextFile("docs/runbooks.md");
/** Every command line, of blocks and in sentences. */
const commands = [
  ...[...text.matchAll(/^```sh\n([\s\S]*?)^```/gm)].flatMap(([, block = ""]) => block.trim().split("\n")),
  ...[...text.matchAll(/`((?:docker|deno task|curl) [^`]+)`/g)].map(([, command = ""]) =>
    command.replaceAll(/\s+/g, " ")
  ),
];
const statements = commands.flatMap((command) =>
  command.match(/ psql -U postgres thoughts -c "(.+)"$/)?.[1] ?? []
);

Deno.test("the services that a runbook's commands name exist, and so do the tasks", () => {
  assert.ok(commands.length > 40, `only ${commands.length} found`);
  const services = Object.keys(readComposeFile().services);
  for (const command of commands) {
    const [, verb, rest = ""] = command.match(/^docker compose (?:--profile monitoring )?(\w+)(.*)$/) ?? [];
    if (verb !== undefined) {
      assert.ok(["up", "ps", "logs", "exec", "restart", "stop"].includes(verb), command);
      const words = rest.replace(/--(tail|scale) \S+/g, "").trim().split(" ").filter((word) =>
        /^[a-z]/.test(word)
      );
      const named = verb === "exec" ? words.slice(0, 1) : words;
      for (const name of named) {
        assert.ok(services.includes(name) || name === "SERVICE", `${command}: ${name}`);
      }
      for (const [, name = ""] of rest.matchAll(/--scale ([\w-]+)=/g)) {
        assert.ok(services.includes(name), command);
      }
    }
    const task = command.match(/^deno task (\S+)/)?.[1];
    if (task !== undefined) assert.ok(task in manifest.tasks, command);
  }
});

for (const { kind, ignore } of DATABASES.filter(({ kind }) => kind === "postgres")) {
  Deno.test({
    name: "PostgreSQL takes every statement of the runbooks",
    ignore,
    async fn() {
      assert.ok(statements.length >= 10, `only ${statements.length} found`);
      await using database = await openTestDatabase(kind);
      for (const statement of statements) {
        if (statement.startsWith("alter system")) continue; // of the server that all tests share
        // Ending sessions is only planned, for the same reason.
        const asked = statement.includes("pg_terminate_backend") ? `explain ${statement}` : statement;
        await assert.doesNotReject(database.query(asked), statement);
      }
    },
  });
}
