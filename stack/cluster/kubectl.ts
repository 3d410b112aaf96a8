/** `kubectl` on one context: the services of the cluster, and ports of this machine that lead to them. */
import * as z from "zod";
import { lastLine } from "../docker/compose.ts";
import { LaunchFailure, prerequisite } from "../failure.ts";
import type { Host, Output } from "../host.ts";

export interface ClusterService {
  readonly namespace: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly ports: readonly number[];
}

/** A port of this machine that leads to a service, until it is disposed of. */
export interface Forward extends AsyncDisposable {
  /** "http://127.0.0.1:38215" */
  readonly address: string;
}

const ServiceList = z.object({
  items: z.array(z.object({
    metadata: z.object({
      namespace: z.string(),
      name: z.string(),
      labels: z.record(z.string(), z.string()).default({}),
    }),
    spec: z.object({ ports: z.array(z.object({ port: z.number() })).default([]) }),
  })),
});

/** Longer than a credential plugin that asks a cloud. */
const QUESTION_MS = 30_000;
const FORWARD_MS = 30_000;
/** Longer than any proof: kubectl prints a line for each connection. */
const SILENT_MS = 30 * 60_000;

export type Kubectl = ReturnType<typeof createKubectl>;

export function createKubectl(host: Host, context: string) {
  /**
   * The services of every namespace; of one alone where that is all that may be listed.
   *
   * @param namespace undefined: the context's own
   * @throws {LaunchFailure} of kind prerequisite, when kubectl or the cluster is not there
   */
  async function services(namespace: string | undefined): Promise<ClusterService[]> {
    const list = (where: readonly string[]) =>
      host.run("kubectl", ["--context", context, "get", "services", ...where, "--output", "json"], {
        deadlineMs: QUESTION_MS,
      });
    const everywhere = await list(["--all-namespaces"]);
    const isForbidden = everywhere.code !== 0 && /forbidden/i.test(everywhere.stderr);
    const output = isForbidden ? await list(namespace ? ["--namespace", namespace] : []) : everywhere;
    if (output.code !== 0) throw cannotList(context, output);
    return ServiceList.parse(JSON.parse(output.stdout)).items.map(({ metadata, spec }) => ({
      ...metadata,
      ports: spec.ports.map(({ port }) => port),
    }));
  }

  /**
   * Forwards a free port of this machine. Ctrl-C does not end it: the proof still has to delete its thought.
   *
   * @throws {LaunchFailure} of kind service, when kubectl cannot
   */
  async function forward({ namespace, name }: ClusterService, port: number): Promise<Forward> {
    const end = new AbortController();
    const stop = () => end.abort();
    // A second Ctrl-C ends the launcher at once.
    globalThis.addEventListener("unload", stop);
    const ready = Promise.withResolvers<string>();
    const args = ["--context", context, "--namespace", namespace, "port-forward", "--address", "127.0.0.1"];
    const ended = host.uninterrupted().run("kubectl", [...args, `service/${name}`, `:${port}`], {
      deadlineMs: SILENT_MS,
      signal: end.signal,
      onLine: (line) => {
        const [, local] = /^Forwarding from 127\.0\.0\.1:(\d+)/.exec(line) ?? [];
        if (local !== undefined) ready.resolve(`http://127.0.0.1:${local}`);
      },
    }).then(
      (output) => ready.reject(cannotForward(`${namespace}/${name}`, lastLine(output.stderr))),
      (error) => ready.reject(error),
    );
    const dispose = async () => {
      stop();
      await ended;
      globalThis.removeEventListener("unload", stop);
    };
    const late = setTimeout(
      () =>
        ready.reject(
          cannotForward(
            `${namespace}/${name}`,
            `kubectl found no running pod within ${FORWARD_MS / 1_000} s`,
          ),
        ),
      FORWARD_MS,
    );
    const interrupted = () => ready.reject(host.signal.reason);
    host.signal.addEventListener("abort", interrupted, { once: true });
    try {
      return { address: await ready.promise, [Symbol.asyncDispose]: dispose };
    } catch (error) {
      await dispose();
      throw error;
    } finally {
      clearTimeout(late);
      host.signal.removeEventListener("abort", interrupted);
    }
  }

  return { services, forward };
}

function cannotList(context: string, { code, stderr, timedOut }: Output): LaunchFailure {
  if (code === 127) {
    return prerequisite("kubectl is not installed", {
      next: [
        "install it: https://kubernetes.io/docs/tasks/tools/",
        "or give addresses that this machine reaches: --url, --prometheus-url",
      ],
    });
  }
  return prerequisite(`The cluster of the context ${context} cannot be used`, {
    cause: timedOut ? `no response within ${QUESTION_MS / 1_000} s` : lastLine(stderr),
    next: ["see the contexts: kubectl config get-contexts", `try: kubectl --context ${context} get services`],
  });
}

function cannotForward(service: string, cause: string): LaunchFailure {
  return new LaunchFailure("service", {
    what: `No port can be forwarded to ${service}`,
    cause,
    next: [`see whether its pods run: kubectl --namespace ${service.split("/")[0]} get pods`],
  });
}
