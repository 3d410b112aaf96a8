/** The address of a Redis: its parts, or what is wrong with it. */
import { type Address, AddressError, parseAddress, shown } from "../address.ts";

export interface RedisAddress {
  /** To show: without the password. */
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly user: string | undefined;
  readonly password: string | undefined;
  readonly tls: boolean;
  /** Number of the database. */
  readonly database: number;
}

/** @throws {AddressError} saying what is wrong, without any part of the password */
export function parseRedisAddress(url: string): RedisAddress {
  const address = parseAddress(url);
  if (!/^rediss?$/.test(address.protocol)) throw new AddressError("must begin with redis:// or rediss://");
  const [place, ...others] = address.hosts;
  if (others.length > 0) throw new AddressError("names several hosts; give one, and no cluster");
  if (!/^\d{0,5}$/.test(address.path)) {
    throw new AddressError("has a path that is not the number of a database");
  }
  refuseParameters(address);
  return {
    name: shown(address),
    host: place!.host,
    port: place!.port ?? 6_379,
    user: address.user,
    password: address.password,
    tls: address.protocol === "rediss",
    database: Number(address.path),
  };
}

function refuseParameters({ parameters }: Address): void {
  if (parameters.size === 0) return;
  throw new AddressError(`has parameters, of which none is known: ${[...parameters.keys()].join(", ")}`);
}
