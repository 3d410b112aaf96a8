/** A container as docker-compose.yml starts it, in one shape whether we rendered the file or Compose did. */

export interface Container {
  readonly name: string;
  readonly image: string;
  /** Empty if the image decides. */
  readonly user: string;
  readonly restart: string;
  readonly ports: readonly {
    readonly address: string;
    readonly published: string;
    readonly target: string;
  }[];
  readonly mounts: readonly Mount[];
  readonly networks: readonly string[];
  readonly healthTest: readonly string[];
  readonly limits: { readonly cpus?: string | number; readonly memory?: string; readonly pids?: number };
  /** Any other key of the service, by its name in the file. */
  option(name: string): unknown;
}

export interface Mount {
  /** A volume's name, a path in this repository (`./…`), or a path of the host. */
  readonly source: string;
  readonly target: string;
  readonly readOnly: boolean;
  /** Of a bind mount, where the file says one. */
  readonly propagation: string;
}

// deno-lint-ignore no-explicit-any -- the file's shape is what this function is for
type Service = any;

/** @param root where the repository is, for files that name it in full */
export function containersOf(services: Readonly<Record<string, Service>>, root = "./"): Container[] {
  return Object.entries(services).map(([name, service]) => ({
    name,
    image: service.image,
    user: String(service.user ?? ""),
    restart: service.restart ?? "",
    ports: (service.ports ?? []).map(portOf),
    mounts: (service.volumes ?? []).map((mount: Service) => mountOf(mount, root)),
    networks: Array.isArray(service.networks) ? service.networks : Object.keys(service.networks ?? {}),
    healthTest: service.healthcheck?.test ?? [],
    limits: service.deploy?.resources?.limits ?? {},
    option: (key) => service[key] ?? undefined,
  }));
}

function portOf(port: Service): Container["ports"][number] {
  if (typeof port === "object") {
    return { address: port.host_ip ?? "", published: String(port.published), target: String(port.target) };
  }
  const [target = "", published = "", address = ""] = String(port).split(":").reverse();
  return { address, published, target };
}

function mountOf(mount: Service, root: string): Mount {
  if (typeof mount === "object") {
    return {
      source: String(mount.source).replace(root, "./"),
      target: mount.target,
      readOnly: mount.read_only === true,
      propagation: mount.bind?.propagation ?? "",
    };
  }
  const [source = "", target = "", mode = ""] = String(mount).split(":");
  const modes = mode.split(",");
  const propagation = modes.find((word) => /shared|slave|private/.test(word)) ?? "";
  return { source, target, readOnly: modes.includes("ro"), propagation };
}
