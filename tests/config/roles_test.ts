/**
 * The database's roles: set before every start, whatever an earlier one left. Needs PostgreSQL's programs.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { ROOT } from "../support/process.ts";

const required = Deno.env.get("REQUIRE_SERVICES") === "1";
const programs = await newestPrograms();
if (!programs && !required) {
  // deno-lint-ignore no-console -- a skipped test must not look like a passed one
  console.warn("SKIPPED: the database's roles. Install PostgreSQL's server.");
}
/** PostgreSQL does not run as root. */
const asPostgres = Deno.uid() === 0
  ? ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
  : [];

Deno.test({
  name: "roles and database are repaired on the start after one that failed, and follow a changed password",
  ignore: !programs && !required,
  async fn() {
    const dir = await Deno.makeTempDir();
    try {
      const data = join(dir, "data");
      const script = async (name: string): Promise<string> => {
        const text = await Deno.readTextFile(join(ROOT, "config", "postgres", name));
        const path = join(dir, name);
        await Deno.writeTextFile(
          path,
          text.replaceAll("/etc/thoughts", dir).replaceAll("/run/secrets", join(dir, "secrets")),
        );
        if (name !== "roles.sh") await script("roles.sh");
        return path;
      };

      const run = async (command: readonly string[]): Promise<string> => {
        const [program, ...args] = [...asPostgres, ...command];
        const env = {
          PATH: `${join(dir, "bin")}:${programs}:${Deno.env.get("PATH")}`,
          PGDATA: data,
          LC_ALL: "C.UTF-8",
        };
        const { success, stdout, stderr } = await new Deno.Command(program!, { args, env, cwd: dir })
          .output();
        const text = new TextDecoder();
        assert.ok(success, `${command.join(" ")}: ${text.decode(stdout)}${text.decode(stderr)}`);
        return text.decode(stdout);
      };
      await Deno.mkdir(join(dir, "bin"));
      for (const name of ["postgres", "exporter"]) {
        await Deno.mkdir(join(dir, "secrets", name), { recursive: true });
        await Deno.writeTextFile(join(dir, "secrets", name, "password"), `it's ${name}`);
      }
      // The image's own entry point, which would now start the server.
      const next = join(dir, "bin", "docker-entrypoint.sh");
      await Deno.writeTextFile(next, '#!/bin/sh\necho started "$@"\n', { mode: 0o755 });
      await Deno.chmod(dir, 0o777);

      // A first start that failed halfway: there is a cluster, but neither database nor roles.
      await run(["initdb", "-D", data, "-U", "postgres", "--auth=trust", "--no-sync"]);
      for (const password of ["it's postgres", 'chan"ged\\ €']) {
        await Deno.writeTextFile(join(dir, "secrets", "postgres", "password"), password);
        assert.match(
          await run(["bash", await script("entrypoint.sh"), "postgres", "-c", "x=1"]),
          /started postgres -c x=1/,
        );
      }

      await run(["pg_ctl", "-D", data, "-w", "-o", `-h '' -k ${dir}`, "-l", join(dir, "log"), "start"]);
      try {
        const sql =
          "select rolname, rolcanlogin, rolsuper, rolconnlimit, rolpassword like 'SCRAM%' from pg_authid " +
          "where rolname in ('thoughts', 'exporter', 'postgres') order by 1";
        const roles = await run([
          "psql",
          "-h",
          dir,
          "-U",
          "thoughts",
          "-d",
          "thoughts",
          "-qAt",
          "-c",
          "select current_user",
        ]);
        assert.equal(roles.trim(), "thoughts");
        assert.equal(
          (await run(["psql", "-h", dir, "-U", "postgres", "-d", "thoughts", "-qAt", "-c", sql])).trim(),
          "exporter|t|f|5|t\npostgres|t|t|-1|\nthoughts|t|f|-1|t",
        );
      } finally {
        await run(["pg_ctl", "-D", data, "-m", "immediate", "stop"]);
      }
    } finally {
      await Deno.remove(dir, { recursive: true });
    }
  },
});

/** The folder of the newest installed PostgreSQL's programs, as Debian installs them. */
async function newestPrograms(): Promise<string | undefined> {
  const root = "/usr/lib/postgresql";
  const versions = await Array.fromAsync(Deno.readDir(root), ({ name }) => name).catch(() => []);
  const newest = versions.sort((a, b) => Number(b) - Number(a))[0];
  return newest && `${root}/${newest}/bin`;
}
