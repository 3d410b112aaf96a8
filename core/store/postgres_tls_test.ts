/** PostgreSQL over TLS, with a certificate of an authority that nobody knows but the address. */
import assert from "node:assert/strict";
import { DATABASES } from "../../tests/support/databases.ts";
import { makeCertificates } from "../../tests/support/certificates.ts";
import { startOwnPostgres } from "../../tests/faults/own_postgres.ts";
import { DatabaseUnavailableError } from "./database.ts";
import { openPostgres } from "./postgres.ts";

Deno.test({
  name: "sslmode and its files mean what they mean to libpq",
  ignore: DATABASES.find(({ kind }) => kind === "postgres")!.ignore,
  async fn(t) {
    await using certificates = await makeCertificates();
    const { authority, stranger, client } = certificates;
    await using server = await startOwnPostgres({
      settings: ["ssl=on", "ssl_cert_file=server.crt", "ssl_key_file=server.key", `ssl_ca_file=${authority}`],
      async prepare(folder, owner) {
        await Deno.copyFile(certificates.server.certificate, `${folder}/server.crt`);
        await Deno.copyFile(certificates.server.key, `${folder}/server.key`);
        await Deno.chmod(`${folder}/server.key`, 0o600);
        await Deno.writeTextFile(
          `${folder}/pg_hba.conf`,
          "hostssl certified all all cert map=any\nhostssl all all all trust\n",
        );
        await Deno.writeTextFile(`${folder}/pg_ident.conf`, "any ada postgres\n");
        if (owner === undefined) return;
        for (const name of ["server.crt", "server.key"]) {
          await Deno.chown(`${folder}/${name}`, owner.uid, owner.gid);
        }
      },
    });
    const url = (parameters: string, { host = "localhost", database = "postgres" } = {}) => {
      const address = new URL(server.url);
      address.hostname = host;
      address.pathname = database;
      return `${address}?${parameters}`;
    };
    const encrypted = async (address: string) => {
      await using database = openPostgres({ url: address });
      const [row] = await database.query("select ssl from pg_stat_ssl where pid = pg_backend_pid()");
      return row!.ssl;
    };
    {
      await using database = openPostgres({ url: url("sslmode=require") });
      await database.query("create database certified");
    }
    const certified = { database: "certified" };
    const identity = `&sslcert=${client.certificate}&sslkey=${client.key}`;
    for (
      const [what, address] of [
        ["require", url("sslmode=require")],
        ["prefer", url("sslmode=prefer")],
        ["require by an IP address", url("sslmode=require", { host: "127.0.0.1" })],
        ["verify-full with its authority", url(`sslmode=verify-full&sslrootcert=${authority}`)],
        ["verify-ca with its authority", url(`sslmode=verify-ca&sslrootcert=${authority}`)],
        ["channel_binding=require", url(`channel_binding=require&sslrootcert=${authority}`)],
        ["a client certificate", url(`sslmode=verify-full&sslrootcert=${authority}${identity}`, certified)],
      ] as const
    ) {
      await t.step(`${what} is encrypted`, async () => assert.equal(await encrypted(address), true));
    }
    await t.step("prefer goes without where the server has none", async () => {
      assert.equal(await encrypted(`${Deno.env.get("TEST_DATABASE_URL")}?sslmode=prefer`), false);
    });
    for (
      const [what, address] of [
        ["verify-full with another authority", url(`sslmode=verify-full&sslrootcert=${stranger}`)],
        ["verify-full without an authority", url("sslmode=verify-full")],
        ["channel_binding=require without an authority", url("sslmode=require&channel_binding=require")],
        [
          "verify-full by another name",
          url(`sslmode=verify-full&sslrootcert=${authority}`, { host: "127.0.0.1" }),
        ],
        ["no TLS", url("sslmode=disable")],
        ["require where the server has none", `${Deno.env.get("TEST_DATABASE_URL")}?sslmode=require`],
        ["no client certificate", url("sslmode=require", certified)],
      ] as const
    ) {
      await t.step(`${what} is refused`, () => assert.rejects(encrypted(address), DatabaseUnavailableError));
    }
  },
});
