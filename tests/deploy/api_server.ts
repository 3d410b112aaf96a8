/** A Kubernetes API server on its own etcd: enough to test whether it accepts an object, not to run one. */
import { parse } from "yaml";
import { freePort } from "../support/free_port.ts";
import { required } from "../support/services.ts";
import { waitFor } from "../support/wait.ts";
import type { Manifest } from "./chart.ts";

export interface ApiServer extends AsyncDisposable {
  /**
   * Asks whether the server would take an object, its fields strictly checked.
   *
   * @returns what it says against it: an error, or warnings
   */
  objections(manifest: Manifest, namespace: string): Promise<string[]>;
  /** Makes a namespace that enforces the restricted standard of pod security. */
  makeNamespace(name: string): Promise<void>;
}

/** What `.ci/services install` builds and installs. */
const PROGRAMS = ["kube-apiserver", "etcd"];

const missing = PROGRAMS.filter((program) => {
  try {
    return !new Deno.Command(program, { args: ["--version"], stdout: "null", stderr: "null" }).outputSync()
      .success;
  } catch {
    return true;
  }
});
if (required && missing.length > 0) {
  throw new Error(`REQUIRE_SERVICES is set, but PATH has no ${missing.join(" and no ")}`);
}

/** A test that needs an API server; where its programs are missing, its name says that it was skipped. */
export function testOnApiServer(name: string, fn: () => Promise<void>): void {
  const skipped = missing.length > 0;
  Deno.test({ name: skipped ? `${name} (skipped: no ${missing.join(", ")})` : name, ignore: skipped, fn });
}

export async function startApiServer(): Promise<ApiServer> {
  await using stack = new AsyncDisposableStack();
  const folder = await Deno.makeTempDir({ prefix: "api-server-" });
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  const [client, peer, port] = [freePort(), freePort(), freePort()];
  const etcd = `http://127.0.0.1:${client}`;
  stack.use(start("etcd", [
    `--data-dir=${folder}/etcd`,
    `--listen-client-urls=${etcd}`,
    `--advertise-client-urls=${etcd}`,
    `--listen-peer-urls=http://127.0.0.1:${peer}`,
    "--unsafe-no-fsync",
  ]));
  const key = `${folder}/account.key`;
  await run("openssl", "genrsa", "-out", key, "2048");
  const [token, tokens] = [crypto.randomUUID(), `${folder}/tokens.csv`];
  await Deno.writeTextFile(tokens, `${token},test,test\n`);
  stack.use(start("kube-apiserver", [
    `--etcd-servers=${etcd}`,
    `--cert-dir=${folder}`,
    "--bind-address=127.0.0.1",
    `--secure-port=${port}`,
    "--service-account-issuer=https://kubernetes.default.svc",
    `--service-account-key-file=${key}`,
    `--service-account-signing-key-file=${key}`,
    "--service-cluster-ip-range=10.0.0.0/24",
    "--authorization-mode=AlwaysAllow",
    `--token-auth-file=${tokens}`,
    "--disable-admission-plugins=ServiceAccount",
  ]));
  const certificate = `${folder}/apiserver.crt`;
  await waitFor("the server's certificate", () => Deno.stat(certificate).then(() => true, () => false));
  const http = Deno.createHttpClient({ caCerts: [await Deno.readTextFile(certificate)] });
  stack.defer(() => http.close());
  const ask = (path: string, { headers, ...init }: RequestInit = {}) =>
    fetch(`https://127.0.0.1:${port}${path}`, {
      ...init,
      headers: { ...headers, authorization: `Bearer ${token}` },
      client: http,
    });
  await waitFor("the API server is ready", async () => {
    const response = await ask("/readyz").catch(() => undefined);
    await response?.body?.cancel();
    return response?.ok;
  }, { timeoutMs: 60_000 });

  async function post(path: string, object: unknown): Promise<void> {
    const body = JSON.stringify(object);
    const response = await ask(path, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body,
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`The API server refuses what the test needs: ${text}`);
  }

  const resources = new Map<string, string>();
  /** What a kind is called in an address; a custom resource is known some moments after its definition. */
  async function resourceOf({ apiVersion, kind }: Manifest): Promise<string> {
    const name = `${apiVersion}/${kind}`;
    const group = apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
    const found = resources.get(name) ?? await waitFor(`the server knows ${name}`, async () => {
      const response = await ask(group);
      const { resources = [] } = await response.json() as {
        readonly resources?: readonly { readonly name: string; readonly kind: string }[];
      };
      return resources.find((one) => one.kind === kind && !one.name.includes("/"))?.name;
    });
    resources.set(name, found);
    return `${group}/namespaces/NAMESPACE/${found}`;
  }

  const definitions = `${Deno.env.get("SERVICES_DIR")}/crds`;
  for await (const { name } of Deno.readDir(definitions)) {
    const definition = parse(await Deno.readTextFile(`${definitions}/${name}`));
    await post("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition);
  }

  const owned = stack.move();
  return {
    async makeNamespace(name) {
      const labels = { "pod-security.kubernetes.io/enforce": "restricted" };
      await post("/api/v1/namespaces", { apiVersion: "v1", kind: "Namespace", metadata: { name, labels } });
    },
    async objections(manifest, namespace) {
      const place = (await resourceOf(manifest)).replace("NAMESPACE", namespace);
      const response = await ask(
        `${place}/${manifest.metadata.name}?dryRun=All&fieldValidation=Strict&fieldManager=test&force=true`,
        {
          method: "PATCH",
          headers: { "content-type": "application/apply-patch+yaml" },
          body: JSON.stringify(manifest),
        },
      );
      const answer = await response.json() as { readonly message?: string };
      const warning = response.headers.get("warning");
      return [
        ...(response.ok ? [] : [answer.message ?? String(response.status)]),
        ...(warning ? [warning] : []),
      ];
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function start(program: string, args: readonly string[]): AsyncDisposable {
  const child = new Deno.Command(program, { args: [...args], stdin: "null", stdout: "null", stderr: "null" })
    .spawn();
  return {
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL"); // its data is discarded
      await child.status;
    },
  };
}

async function run(program: string, ...args: readonly string[]): Promise<void> {
  const { success } = await new Deno.Command(program, { args: [...args], stdout: "null", stderr: "null" })
    .output();
  if (!success) throw new Error(`${program} ${args[0]} failed`);
}
