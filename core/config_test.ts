import assert from "node:assert/strict";
import { ConfigError, loadConfig } from "./config.ts";
import { SETTINGS } from "./settings.ts";

const load = (env: Record<string, string>, files: Record<string, string> = {}) =>
  loadConfig({
    env: (name) => env[name],
    readFile: (path) => {
      if (!(path in files)) throw new Deno.errors.NotFound();
      return files[path]!;
    },
  });

Deno.test("with nothing set, everything is embedded and every limit has its default", () => {
  const config = load({});
  assert.deepEqual([config.databaseUrl, config.kafkaBrokers, config.redisUrl], [
    undefined,
    undefined,
    undefined,
  ]);
  assert.deepEqual([config.dataDir, config.apiHost, config.apiPort], [".data", "127.0.0.1", 8000]);
  assert.deepEqual([config.workerPort, config.logLevel, config.analyser], [8001, "INFO", "local"]);
  assert.deepEqual([config.maxAttempts, config.leaseMs, config.expectedWorkers], [5, 30_000, 1]);
});

Deno.test("an empty variable counts as unset, as compose files make them", () => {
  const empty = Object.fromEntries(
    Object.values(SETTINGS).flatMap(({ env }) => [[env, ""], [`${env}_FILE`, ""]]),
  );
  assert.deepEqual(load(empty), load({}));
});

Deno.test("a program asks for its own variables and no others", () => {
  const asked: string[] = [];
  const config = loadConfig({
    programs: ["api"],
    env: (name) => {
      asked.push(name);
      return name === "OPENAI_API_KEY" ? "sk-secret" : undefined;
    },
  });
  assert.ok(asked.includes("API_PORT") && asked.includes("DATABASE_URL"));
  assert.deepEqual(asked.filter((name) => /OPENAI|KAFKA|WORKER/.test(name)), []);
  assert.deepEqual([config.openaiApiKey, config.workerPort], [undefined, 8001]);
});

Deno.test("brokers are a list, spaces around them do not matter", () => {
  assert.deepEqual(load({ KAFKA_BROKERS: "a:1, b:2" }).kafkaBrokers, ["a:1", "b:2"]);
});

Deno.test("a secret may come from a file, whose trailing newline does not belong to it", () => {
  const env = { DATABASE_PASSWORD_FILE: "/run/secrets/db", OPENAI_API_KEY_FILE: "/run/secrets/key" };
  const files = { "/run/secrets/db": "s3cret\n", "/run/secrets/key": "sk-1" };
  const { databasePassword, openaiApiKey } = load(env, files);
  assert.deepEqual([databasePassword, openaiApiKey], ["s3cret", "sk-1"]);
});

Deno.test("the variable itself wins over its file, which is then not read", () => {
  assert.equal(load({ REDIS_PASSWORD: "direct", REDIS_PASSWORD_FILE: "/nowhere" }).redisPassword, "direct");
});

Deno.test("only secrets are read from files", () => {
  assert.equal(load({ API_PORT_FILE: "/port" }, { "/port": "9" }).apiPort, 8000);
});

for (
  const [env, value] of [
    ["DATABASE_URL", "mysql://root:canary@db/thoughts"],
    ["DATABASE_URL", "canary"],
    ["KAFKA_BROKERS", "canary"],
    ["KAFKA_BROKERS", "a:1,,b:2"],
    ["KAFKA_BROKERS", "a:1,canary b:2"],
    ["REDIS_URL", "http://:canary@redis"],
    ["API_PORT", "canary"],
    ["API_PORT", "65536"],
    ["API_PORT", "-1"],
    ["WORKER_PORT", "80.5"],
    ["EXPECTED_WORKERS", "0"],
    ["LOG_LEVEL", "canary"],
    ["BATCH_SIZE", "10001"],
    ["MAX_ATTEMPTS", "0"],
    ["LEASE_MS", "30s"],
    ["LEASE_MS", "300001"],
    ["RETRY_FIRST_MS", "NaN"],
    ["CACHE_TTL_S", "Infinity"],
    ["OPENAI_BASE_URL", "ftp://canary"],
    ["ANALYSER_REQUESTS_PER_MINUTE", "-1"],
    ["ANALYSER_REQUESTS_PER_MINUTE", "1.5"],
    ["ANALYSER_TOKENS_PER_MINUTE", "0"],
    ["ANALYSER_TOKENS_PER_MINUTE", "canary"],
    ["ANALYSER_USD_PER_DAY", "-0.01"],
    ["ANALYSER_USD_PER_DAY", "Infinity"],
    ["ANALYSER_USD_PER_DAY", "NaN"],
  ] as const
) {
  Deno.test(`${env}="${value}" is refused by name, its value unsaid`, () => {
    assert.throws(
      () => load({ [env]: value }),
      (error) =>
        error instanceof ConfigError && error.message.includes(`\n  ${env}: `) &&
        !error.message.includes("canary"),
    );
  });
}

Deno.test("all wrong settings are named at once", () => {
  assert.throws(
    () => load({ API_PORT: "x", LOG_LEVEL: "x", OPENAI_API_KEY_FILE: "/nowhere" }),
    /API_PORT: .*\n {2}LOG_LEVEL: .*\n {2}OPENAI_API_KEY_FILE: cannot read the file \(NotFound\)/,
  );
});

Deno.test("every setting says what it is for, under a name of its own", () => {
  const settings = Object.values(SETTINGS);
  assert.equal(new Set(settings.map(({ env }) => env)).size, settings.length);
  for (const { env, help } of settings) assert.match(help, /^[A-Z].*\.$/, env);
});

Deno.test("a program with a wrong setting says so on stderr and exits with 2", async () => {
  for (
    const [program, variable] of [["api/main.ts", "API_PORT"], ["worker/main.ts", "WORKER_PORT"], [
      "dev.ts",
      "API_PORT",
    ]]
  ) {
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "--no-prompt", "--allow-env", "--allow-read", "--allow-sys", program!],
      cwd: new URL("..", import.meta.url).pathname,
      env: { [variable!]: "none" },
    }).output();
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    assert.equal(code, 2, text(stderr));
    assert.match(text(stderr), new RegExp(`^Cannot start: wrong settings\n  ${variable}: `), program);
    assert.equal(text(stdout), "");
  }
});

for (
  const [env, expected] of [
    [{ KAFKA_SASL_MECHANISM: "plain" }, "KAFKA_SASL_MECHANISM: needs KAFKA_USER and KAFKA_PASSWORD"],
    [{ KAFKA_USER: "ada" }, "KAFKA_USER, KAFKA_PASSWORD: need KAFKA_SASL_MECHANISM"],
    [{ KAFKA_CA_FILE: "/ca.pem" }, "KAFKA_CA_FILE, KAFKA_CERT_FILE, KAFKA_KEY_FILE: need KAFKA_TLS=true"],
    [{ KAFKA_TLS: "true", KAFKA_KEY_FILE: "/key.pem" }, "KAFKA_CERT_FILE, KAFKA_KEY_FILE: need each other"],
    [{ KAFKA_TOPIC: "a", KAFKA_DEAD_TOPIC: "a" }, "KAFKA_DEAD_TOPIC: must differ from KAFKA_TOPIC"],
    [
      { DATABASE_URL: "postgres://ada@db/x?sslmod=require" },
      "DATABASE_URL: has the unknown parameter sslmod;",
    ],
    [{ DEPLOYMENT: "Two Words" }, "DEPLOYMENT: must be lower-case letters, digits and _"],
  ] as const
) {
  Deno.test(`${JSON.stringify(env)} is refused: ${expected}`, () => {
    assert.throws(
      () => load(env),
      (error) => error instanceof ConfigError && error.message.includes(`\n  ${expected}`),
    );
  });
}
