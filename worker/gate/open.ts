/** Chooses the gate: a shared one before a language model, an open one before anything else; an operator may pause either. */
import type { Config } from "../../core/config.ts";
import type { Database } from "../../core/store/database.ts";
import { createModelFlow } from "../../core/store/model_flow.ts";
import { createPauses } from "../../core/store/pauses.ts";
import { createModelGates } from "../../core/store/model_gates.ts";
import type { Logger } from "../../core/telemetry/log.ts";
import type { Metrics } from "../../core/telemetry/metrics.ts";
import type { Analyser } from "../analysers/analyser.ts";
import { createOpenGate, type Gate } from "../gate.ts";
import { createPausableGate } from "./pausable.ts";
import { createModelGate } from "./model_gate.ts";

export interface OpenGateOptions {
  readonly config: Pick<
    Config,
    "analyserRequestsPerMinute" | "analyserTokensPerMinute" | "analyserUsdPerDay"
  >;
  readonly analyser: Analyser;
  readonly database: Database;
  readonly metrics: Metrics<"worker">;
  readonly log: Logger;
}

export function openGate(options: OpenGateOptions): Gate {
  const { database, log } = options;
  return createPausableGate({ gate: openOwnGate(options), pauses: createPauses(database), log });
}

function openOwnGate({ config, analyser, database, metrics, log }: OpenGateOptions): Gate {
  const { model, concurrency: lanes } = analyser;
  if (model === undefined) return createOpenGate({ lanes });
  const limits = {
    requestsPerMinute: config.analyserRequestsPerMinute,
    tokensPerMinute: config.analyserTokensPerMinute,
    usdPerDay: config.analyserUsdPerDay,
  };
  return createModelGate({
    model,
    gates: createModelGates(database, model.provider, model.name),
    flow: createModelFlow(database, model.provider, model.name, limits),
    limits,
    lanes,
    metrics,
    log,
  });
}
