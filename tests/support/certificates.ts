/** Certificates for tests: an authority of their own, one server by the name localhost, one client. */

export interface Certificates extends AsyncDisposable {
  /** Readable by every user. */
  readonly folder: string;
  /** Paths of files in PEM. */
  readonly authority: string;
  readonly server: KeyPair;
  /** Of the server by its IP address, 127.0.0.1, only. */
  readonly byAddress: KeyPair;
  readonly client: KeyPair;
  /** An authority that has signed nothing of these. */
  readonly stranger: string;
}

export interface KeyPair {
  readonly certificate: string;
  /** Unencrypted, PKCS #8. */
  readonly key: string;
}

/** Makes them with openssl; disposing removes the folder. */
export async function makeCertificates(): Promise<Certificates> {
  const folder = await Deno.makeTempDir({ prefix: "certificates-" });
  const path = (name: string) => `${folder}/${name}.pem`;
  const pair = (name: string) => ({ certificate: path(name), key: path(`${name}_key`) });
  const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  for (const name of ["authority", "stranger"]) {
    const { certificate, key } = pair(name);
    await openssl("req", "-x509", ...newKey, "-keyout", key, "-out", certificate, "-subj", `/CN=${name}`);
  }
  for (
    const [name, subject, alternative] of [
      ["server", "localhost", "DNS:localhost"],
      ["by_address", "localhost", "IP:127.0.0.1"],
      ["client", "ada", "DNS:ada"],
    ] as const
  ) {
    const { certificate, key } = pair(name);
    const extensions = path(`${name}_extensions`);
    await Deno.writeTextFile(extensions, `subjectAltName=${alternative}\nbasicConstraints=CA:FALSE\n`);
    await openssl(
      "req",
      ...newKey,
      "-keyout",
      key,
      "-out",
      path(`${name}_request`),
      "-subj",
      `/CN=${subject}`,
    );
    const authority = ["-CA", path("authority"), "-CAkey", path("authority_key"), "-CAcreateserial"];
    const files = ["-in", path(`${name}_request`), "-out", certificate, "-extfile", extensions];
    await openssl("x509", "-req", ...authority, ...files);
  }
  for await (const { name } of Deno.readDir(folder)) await Deno.chmod(`${folder}/${name}`, 0o644);
  await Deno.chmod(folder, 0o755);
  return {
    folder,
    authority: path("authority"),
    stranger: path("stranger"),
    server: pair("server"),
    byAddress: pair("by_address"),
    client: pair("client"),
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}

async function openssl(...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command("openssl", { args }).output();
  if (!success) throw new Error(`openssl ${args[0]} failed: ${new TextDecoder().decode(stderr)}`);
}
