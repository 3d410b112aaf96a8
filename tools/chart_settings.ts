/**
 * The variables that the Helm chart's values may set, generated into its schema from the table of settings.
 */
import { type Program, PROGRAMS, SETTINGS } from "../core/settings.ts";

/**
 * Settings that the chart's own values cover, or that a pod has no use for. Everything else goes under
 * `api.settings` and `workers.settings`.
 */
export const OWN_VALUES: readonly (keyof typeof SETTINGS)[] = [
  "databaseUrl",
  "databasePassword",
  "kafkaBrokers",
  "kafkaSaslMechanism",
  "kafkaUser",
  "kafkaPassword",
  "kafkaTls",
  "kafkaCaFile",
  "kafkaCertFile",
  "kafkaKeyFile",
  "kafkaPartitions",
  "redisUrl",
  "redisPassword",
  "redisCaFile",
  "deployment",
  "dataDir", // no embedded database in a pod
  "apiHost",
  "apiPort",
  "apiKeysFiles",
  "allowAnonymous",
  "allowedHosts",
  "trustProxy",
  "workerHost",
  "workerPort",
  "webhooksHost",
  "webhooksPort",
  "webhookPrivateHosts",
  "webhookCaFile",
  "expectedWorkers",
  "logLevel",
  "otlpEndpoint",
  "traceRatio",
  "openaiApiKey",
  "pricesFile", // the chart mounts no such file
];

/** The text of values.schema.json, with the settings of all programs generated again. */
export function withSettings(schema: string): string {
  const parsed = JSON.parse(schema) as { $defs: Record<string, unknown> };
  for (const program of PROGRAMS) parsed.$defs[`${program}Settings`] = settingsOf(program);
  return JSON.stringify(parsed, null, 2) + "\n";
}

function settingsOf(program: Program) {
  const own: readonly string[] = OWN_VALUES;
  const settings = Object.entries(SETTINGS).filter(([key, { on }]) =>
    on.some((it) => it === program) && !own.includes(key)
  );
  return {
    type: "object",
    additionalProperties: false,
    properties: Object.fromEntries(
      settings.map((
        [, { env, help }],
      ) => [env, { type: ["string", "number", "boolean"], description: help }]),
    ),
  };
}
