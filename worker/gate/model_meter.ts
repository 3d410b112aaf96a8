/** What the metrics report about a model: how analyses ended, requests, limits and the day's spending. */
import type { FlowLimits } from "../../core/store/model_flow.ts";
import type { Metrics } from "../../core/telemetry/metrics.ts";
import type { Model } from "../analysers/analyser.ts";
import type { Ending } from "../gate.ts";

const OUTCOMES = ["ok", "refused", "invalid", "timeout", "outage", "rate", "quota", "credentials"] as const;

export interface ModelMeter {
  ended(ending: Ending): void;
  spentToday(usd: number): void;
}

/** Every label is there from the start, so that rates and ratios are never missing. */
export function createModelMeter(
  metrics: Metrics<"worker">,
  { provider, name: model }: Pick<Model, "provider" | "name">,
  { requestsPerMinute = 0, tokensPerMinute = 0, usdPerDay = 0 }: FlowLimits,
): ModelMeter {
  for (const outcome of OUTCOMES) metrics.batch_processor_analyses_total.inc({ outcome }, 0);
  metrics.batch_processor_model_requests_total.inc({ provider, model }, 0);
  metrics.batch_processor_model_spent_today_usd.set(0);
  metrics.batch_processor_model_limit.set({ per: "requests_minute" }, requestsPerMinute);
  metrics.batch_processor_model_limit.set({ per: "tokens_minute" }, tokensPerMinute);
  metrics.batch_processor_model_limit.set({ per: "usd_day" }, usdPerDay);
  return {
    ended(ending) {
      const outcome = ending.kind === "unavailable" ? ending.scope : ending.kind;
      metrics.batch_processor_analyses_total.inc({ outcome });
      metrics.batch_processor_model_requests_total.inc({ provider, model }, ending.usage?.requests ?? 1);
    },
    spentToday: (usd) => metrics.batch_processor_model_spent_today_usd.set(usd),
  };
}
