/**
 * Addresses of services, `protocol://user:password@host:port/path?name=value`, parsed without ever repeating
 * a secret.
 */

export interface Address {
  readonly protocol: string;
  readonly user: string | undefined;
  readonly password: string | undefined;
  /** Several if the address lists them, separated by commas. A missing port is undefined. */
  readonly hosts: readonly { readonly host: string; readonly port: number | undefined }[];
  /** Without its first slash. */
  readonly path: string;
  readonly parameters: ReadonlyMap<string, string>;
}

/** Thrown by {@link parseAddress}. Its message repeats nothing that may be part of a password. */
export class AddressError extends Error {
  override readonly name = "AddressError";
}

const SHAPE = /^([a-z][a-z0-9+.-]*):\/\/([^/?]*)(?:\/([^?]*))?(?:\?(.*))?$/i;
const HOST = /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(\d{1,5}))?$/i;
/** A name that cannot be part of a password, since no `@` follows it. */
const PARAMETER = /^[a-z][a-z0-9_.-]{0,40}$/i;

/**
 * Reads an address. The last `@` ends the user and password, which makes an extra `@` in a password harmless.
 *
 * @throws {AddressError} saying what is wrong, and what to write instead
 */
export function parseAddress(url: string): Address {
  if (url.includes("#")) throw new AddressError("holds a #; in a password write %23");
  const [, protocol, authority, path = "", query = ""] = SHAPE.exec(url) ?? [];
  if (protocol === undefined || authority === undefined) throw new AddressError("is not an address");
  if (`${path}?${query}`.includes("@")) {
    throw new AddressError("holds an @ behind a / or a ?; in a password write %2F and %3F for those");
  }
  const at = authority.lastIndexOf("@");
  const login = at < 0 ? "" : authority.slice(0, at);
  const colon = login.indexOf(":");
  return {
    protocol: protocol.toLowerCase(),
    user: decoded(colon < 0 ? login : login.slice(0, colon)),
    password: decoded(colon < 0 ? "" : login.slice(colon + 1)),
    hosts: authority.slice(at + 1).split(",").map(parseHost),
    path: decoded(path) ?? "",
    parameters: parseParameters(query),
  };
}

/** An address to show: without the password and the parameters. */
export function shown({ protocol, user, hosts, path }: Address): string {
  const places = hosts.map(({ host, port }) => {
    const bracketed = host.includes(":") ? `[${host}]` : host;
    return port === undefined ? bracketed : `${bracketed}:${port}`;
  });
  const login = user === undefined ? "" : `${encodeURIComponent(user)}@`;
  return `${protocol}://${login}${places}${path === "" ? "" : `/${path}`}`;
}

/** {@link shown} of an address in text. */
export const withoutPassword = (url: string) => shown(parseAddress(url));

function parseHost(text: string): Address["hosts"][number] {
  const [, host, port] = HOST.exec(text) ?? [];
  if (host === undefined || Number(port ?? 1) > 65_535) {
    throw new AddressError("has no host, as host:port; in a password write %3A for : and %2F for /");
  }
  return { host: host.replace(/^\[|\]$/g, ""), port: port === undefined ? undefined : Number(port) };
}

function parseParameters(query: string): Map<string, string> {
  const parameters = new Map<string, string>();
  for (const part of query.split("&").filter(Boolean)) {
    const [name = "", ...value] = part.split("=");
    if (!PARAMETER.test(name)) throw new AddressError("has a parameter whose name is not a word");
    parameters.set(name, decoded(value.join("=")) ?? "");
  }
  return parameters;
}

/** Undefined if empty: no user and no password differ from empty ones. */
function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text) || undefined;
  } catch {
    throw new AddressError("holds a % that two hexadecimal digits do not follow; write %25");
  }
}
