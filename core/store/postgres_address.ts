/**
 * The address of a PostgreSQL, as people and providers write it: parameters are honoured, or refused by name.
 */
import { type Address, AddressError, parseAddress, shown } from "../address.ts";

export interface PostgresAddress {
  /** To show: without the password. */
  readonly name: string;
  /** Tried in turn until one accepts writes. */
  readonly hosts: readonly { readonly host: string; readonly port: number }[];
  readonly database: string;
  readonly user: string;
  readonly password: string | undefined;
  readonly tls: Tls;
  /** Most connections of this process. */
  readonly connectionLimit: number | undefined;
  /** Whether the address says that there is a pooler before the server. */
  readonly pooled: boolean;
  readonly schema: string | undefined;
  readonly applicationName: string | undefined;
  readonly connectTimeoutS: number | undefined;
}

export interface Tls {
  readonly mode: "disable" | "prefer" | "require" | "verify-full";
  /** Files in PEM. */
  readonly rootCertificate: string | undefined;
  readonly certificate: string | undefined;
  readonly key: string | undefined;
}

const MODES: Record<string, Tls["mode"]> = {
  "disable": "disable",
  "allow": "prefer",
  "prefer": "prefer",
  "require": "require",
  "verify-ca": "verify-full", // the driver cannot check only the chain; this is stricter
  "verify-full": "verify-full",
};

/** The parameters of libpq, Prisma, Supabase and Neon, and their allowed values. */
const PARAMETERS: Record<string, RegExp> = {
  sslmode: /^(disable|allow|prefer|require|verify-ca|verify-full)$/,
  sslrootcert: /./,
  sslcert: /./,
  sslkey: /./,
  channel_binding: /^(disable|prefer|require)$/,
  target_session_attrs: /^(any|read-write|primary)$/, // writes always go to one that accepts them
  connect_timeout: /^[1-9]\d{0,2}$/,
  application_name: /^[\x20-\x7e]{1,63}$/,
  schema: /^[A-Za-z_][A-Za-z0-9_]{0,62}$/,
  pgbouncer: /^(true|false)$/,
  connection_limit: /^[1-9]\d{0,2}$/,
  pool_timeout: /^\d{1,4}$/, // ours is fixed
  statement_cache_size: /^\d{1,4}$/,
  gssencmode: /^(disable|prefer)$/,
  supa: /./, // Supabase's own mark
};

/**
 * Reads the address of a PostgreSQL.
 *
 * `channel_binding=require` guards against a server in between. The driver cannot do it, so the server's
 * certificate is checked instead, which guards against the same.
 *
 * @throws {AddressError} naming the parameter that is unknown or has an invalid value
 */
export function parsePostgresAddress(url: string): PostgresAddress {
  const address = parseAddress(url);
  if (!/^postgres(ql)?$/.test(address.protocol)) throw new AddressError("must begin with postgres://");
  if (address.user === undefined) throw new AddressError("names no user: postgres://USER@host:5432/database");
  if (address.path.includes("/")) throw new AddressError("names a database with a / in it");
  refuseUnknown(address);
  const parameter = (name: string) => address.parameters.get(name);
  const number = (name: string) => parameter(name) === undefined ? undefined : Number(parameter(name));
  return {
    name: shown(address),
    hosts: address.hosts.map(({ host, port = 5_432 }) => ({ host, port })),
    database: address.path || address.user,
    user: address.user,
    password: address.password,
    tls: {
      mode: tlsMode(address.parameters),
      rootCertificate: parameter("sslrootcert") === "system" ? undefined : parameter("sslrootcert"),
      certificate: parameter("sslcert"),
      key: parameter("sslkey"),
    },
    connectionLimit: number("connection_limit"),
    pooled: parameter("pgbouncer") === "true",
    schema: parameter("schema"),
    applicationName: parameter("application_name"),
    connectTimeoutS: number("connect_timeout"),
  };
}

function tlsMode(parameters: Address["parameters"]): Tls["mode"] {
  const checked = parameters.get("channel_binding") === "require" || parameters.has("sslrootcert");
  return checked ? "verify-full" : MODES[parameters.get("sslmode") ?? "disable"]!;
}

function refuseUnknown({ parameters }: Address): void {
  const unknown = [...parameters.keys()].filter((name) => !(name in PARAMETERS));
  if (unknown.length > 0) {
    throw new AddressError(
      `has the unknown ${unknown.length === 1 ? "parameter" : "parameters"} ${
        unknown.join(", ")
      }; known are ${Object.keys(PARAMETERS).join(", ")}`,
    );
  }
  for (const [name, value] of parameters) {
    if (!PARAMETERS[name]!.test(value)) throw new AddressError(`has a value of ${name} that cannot be used`);
  }
}
