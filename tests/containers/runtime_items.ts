/** Section 5 of the benchmark, container runtime: every item of it. */
import type { Container } from "./container.ts";
import type { Item } from "./item.ts";

/** What is published, and nothing else: the host's ports of each service. */
const PUBLISHED: Readonly<Record<string, string>> = {
  api: "8000",
  "kafka-worker": "8001-8010",
  prometheus: "9090",
  alertmanager: "9093",
  grafana: "3001",
  loki: "3100",
  tempo: "3200",
};

const HOSTS_LOGS = "/var/lib/docker/containers";

const isOneShot = ({ restart }: Container) => restart === "no";
const without = (...options: string[]) => (container: Container) =>
  options.every((option) => container.option(option) === undefined);
const not = (option: string, value: unknown) => (container: Container) => container.option(option) !== value;
const securityOptions = ({ option }: Container) => (option("security_opt") ?? []) as readonly string[];

export const RUNTIME_ITEMS: readonly Item[] = [
  {
    id: "5.1",
    title: "Ensure swarm mode is not Enabled, if not needed",
    note: "Compose on one engine needs no swarm",
    check: { of: "the host's" },
  },
  {
    id: "5.2",
    title: "Ensure that, if applicable, an AppArmor Profile is enabled",
    note: "no service turns Docker's default profile off; whether the host has AppArmor is up to the host",
    check: {
      of: "containers",
      holds: (c) => !securityOptions(c).some((word) => word.startsWith("apparmor")),
    },
  },
  {
    id: "5.3",
    title: "Ensure that, if applicable, SELinux security options are set",
    note:
      "whether the host has SELinux is up to the host; `config/` is mounted with a label of its own (`z`)",
    check: {
      of: "containers",
      holds: (c) => !securityOptions(c).some((word) => word.startsWith("label")),
      accepted: {
        promtail: "reads a folder of the host, which it must not relabel",
        "node-exporter": "reads the host's root, which it must not relabel",
      },
    },
  },
  {
    id: "5.4",
    title: "Ensure that Linux kernel capabilities are restricted within containers",
    note: "all are dropped, none is added",
    check: {
      of: "containers",
      holds: (c) => String(c.option("cap_drop")) === "ALL" && without("cap_add")(c),
    },
  },
  {
    id: "5.5",
    title: "Ensure that privileged containers are not used",
    check: { of: "containers", holds: not("privileged", true) },
  },
  {
    id: "5.6",
    title: "Ensure sensitive host system directories are not mounted on containers",
    note: "of the host, only this project's `config/` is mounted, read-only",
    check: {
      of: "containers",
      holds: ({ mounts }) =>
        mounts.every(({ source, readOnly }) =>
          source.startsWith("./config/") ? readOnly : !/^[.~/]/.test(source)
        ),
      accepted: {
        promtail: "reads the containers' log files, read-only (5.6 b)",
        "node-exporter": "measures the host's file systems, read-only (5.6 b)",
      },
    },
  },
  {
    id: "5.6 b",
    title: "… and those that are, read-only",
    note: "the log files for Promtail, the root for node-exporter",
    check: {
      of: "containers",
      holds: ({ name, mounts }) =>
        mounts.filter(({ source }) => source.startsWith("/")).every(({ source, readOnly }) =>
          readOnly && source === { promtail: HOSTS_LOGS, "node-exporter": "/" }[name]
        ),
    },
  },
  {
    id: "5.7",
    title: "Ensure sshd is not run within containers",
    check: {
      of: "containers",
      holds: (c) =>
        !/\bsshd\b/.test(JSON.stringify([c.option("entrypoint"), c.option("command")])) &&
        c.ports.every(({ target }) => target !== "22") &&
        !((c.option("expose") ?? []) as unknown[]).map(String).includes("22"),
    },
  },
  {
    id: "5.8",
    title: "Ensure privileged ports are not mapped within containers",
    check: {
      of: "containers",
      holds: ({ ports }) => ports.every(({ published }) => parseInt(published) >= 1024),
    },
  },
  {
    id: "5.9",
    title: "Ensure that only needed ports are open on the container",
    note: "published are API, workers, Grafana, Prometheus, Alertmanager, Loki and Tempo, one port each",
    check: {
      of: "containers",
      holds: ({ name, ports }) => ports.map(({ published }) => published).join() === (PUBLISHED[name] ?? ""),
    },
  },
  {
    id: "5.10",
    title: "Ensure that the host's network namespace is not shared",
    check: { of: "containers", holds: not("network_mode", "host") },
  },
  {
    id: "5.11",
    title: "Ensure that the memory usage for containers is limited",
    check: { of: "containers", holds: ({ limits }) => /^\d+[mg]?$/.test(limits.memory ?? "") },
  },
  {
    id: "5.12",
    title: "Ensure that CPU priority is set appropriately on containers",
    note: "a limit of one core at most, since Docker refuses more than the machine has; no priorities",
    check: { of: "containers", holds: ({ limits: { cpus } }) => Number(cpus) > 0 && Number(cpus) <= 1 },
  },
  {
    id: "5.13",
    title: "Ensure that the container's root filesystem is mounted as read only",
    check: {
      of: "containers",
      holds: (c) => c.option("read_only") === true,
      accepted: { kafka: "the image writes its configuration below `/opt/kafka` when it starts" },
    },
  },
  {
    id: "5.14",
    title: "Ensure that incoming container traffic is bound to a specific host interface",
    note: "to the loopback address",
    check: { of: "containers", holds: ({ ports }) => ports.every(({ address }) => address === "127.0.0.1") },
  },
  {
    id: "5.15",
    title: "Ensure that the 'on-failure' container restart policy is set to '5'",
    note:
      "`unless-stopped` instead: five attempts end before a long outage does, and then nothing starts it again; " +
      "Docker waits longer before each attempt, and alerts report it",
    check: {
      of: "containers",
      otherwise: true,
      holds: (c) => isOneShot(c) || c.restart === "unless-stopped",
    },
  },
  {
    id: "5.16",
    title: "Ensure that the host's process namespace is not shared",
    check: { of: "containers", holds: without("pid") },
  },
  {
    id: "5.17",
    title: "Ensure that the host's IPC namespace is not shared",
    check: { of: "containers", holds: without("ipc") },
  },
  {
    id: "5.18",
    title: "Ensure that host devices are not directly exposed to containers",
    check: { of: "containers", holds: without("devices", "device_cgroup_rules", "gpus") },
  },
  {
    id: "5.19",
    title: "Ensure that the default ulimit is overwritten at runtime if needed",
    note: "no service needs it: the engine's defaults apply everywhere",
    check: { of: "containers", holds: without("ulimits") },
  },
  {
    id: "5.20",
    title: "Ensure mount propagation mode is not set to shared",
    check: {
      of: "containers",
      holds: ({ mounts }) => mounts.every((mount) => !/shared/.test(mount.propagation)),
    },
  },
  {
    id: "5.21",
    title: "Ensure that the host's UTS namespace is not shared",
    check: { of: "containers", holds: without("uts") },
  },
  {
    id: "5.22",
    title: "Ensure the default seccomp profile is not Disabled",
    check: { of: "containers", holds: (c) => !securityOptions(c).some((word) => word.startsWith("seccomp")) },
  },
  {
    id: "5.23",
    title: "Ensure that docker exec commands are not used with the privileged option",
    note:
      "the launcher's only one, psql in the drill `poison`, asks for neither this nor 5.24, and no page of ours does",
    check: { of: "the host's" },
  },
  {
    id: "5.24",
    title: "Ensure that docker exec commands are not used with the user=root option",
    note: "as 5.23",
    check: { of: "the host's" },
  },
  {
    id: "5.25",
    title: "Ensure that cgroup usage is confirmed",
    check: { of: "containers", holds: without("cgroup", "cgroup_parent") },
  },
  {
    id: "5.26",
    title: "Ensure that the container is restricted from acquiring additional privileges",
    check: {
      of: "containers",
      holds: (c) =>
        securityOptions(c).filter((word) => !word.startsWith("label")).join() === "no-new-privileges:true",
    },
  },
  {
    id: "5.27",
    title: "Ensure that container health is checked at runtime",
    note: "redis-exporter's only shows that its program runs: nothing else is in that image",
    check: {
      of: "containers",
      holds: ({ healthTest }) => /^CMD/.test(healthTest[0] ?? ""),
      accepted: { secrets: "does one thing and exits" },
    },
  },
  {
    id: "5.28",
    title: "Ensure that Docker commands always make use of the latest version of their image",
    note:
      "one exact version each, by tag and not by digest: people read and raise versions, and a maker who moves " +
      "the tag of a release is an accepted risk",
    check: {
      of: "containers",
      otherwise: true,
      holds: ({ image }) => image === "thought-processor" || /^[a-z0-9/_-]+:v?\d+\.\d+(\.\d+)?$/.test(image),
    },
  },
  {
    id: "5.29",
    title: "Ensure that the PIDs cgroup limit is used",
    check: { of: "containers", holds: ({ limits }) => Number(limits.pids) > 0 },
  },
  {
    id: "5.30",
    title: "Ensure that Docker's default bridge 'docker0' is not used",
    note: "networks of the project's own, or none at all",
    check: {
      of: "containers",
      holds: (c) =>
        c.option("network_mode") === "none" ||
        (without("network_mode")(c) && c.networks.length > 0 &&
          c.networks.every((network) => network === "data" || network === "edge")),
    },
  },
  {
    id: "5.31",
    title: "Ensure that the host's user namespaces are not shared",
    check: { of: "containers", holds: without("userns_mode") },
  },
  {
    id: "5.32",
    title: "Ensure that the Docker socket is not mounted inside any containers",
    check: {
      of: "containers",
      holds: ({ mounts }) =>
        mounts.every(({ source, target }) => !`${source} ${target}`.includes("docker.sock")),
    },
  },
];
