/** The list of drills. */
import type { ServiceName } from "../services.ts";
import { THRESHOLDS } from "../../core/telemetry/thresholds.ts";
import type { Fault } from "./fault.ts";
import { poisonMessages } from "./poison_messages.ts";
import { networkCut } from "./network_cut.ts";
import { modelDown, slowAnalyser } from "./replaced_workers.ts";
import { serviceStop } from "./service_stop.ts";

/** One thing that can be broken on purpose, and the alert that has to fire. */
export interface Drill {
  readonly name: string;
  /** What it does, in a few words. */
  readonly does: string;
  /** A rule of config/prometheus/alerts.yml, by name and severity. */
  readonly alert: string;
  readonly severity: "warning" | "critical";
  readonly fault: Fault;
  /**
   * Thoughts posted meanwhile, to check that none is lost: a number right after the fault, then a number per
   * second.
   */
  readonly load: { burst: number; perSecond: number };
  /** The service that reports the alert's metric. */
  readonly needs?: ServiceName;
}

const TRICKLE = { burst: 0, perSecond: 2 };

export const DRILLS: readonly Drill[] = [
  {
    name: "worker-down",
    does: "stops one worker",
    alert: "WorkersMissing",
    severity: "warning",
    fault: serviceStop("kafka-worker", { most: 1 }),
    load: TRICKLE,
  },
  {
    name: "redis-down",
    does: "stops Redis",
    alert: "RedisDown",
    severity: "warning",
    fault: serviceStop("redis"),
    load: TRICKLE,
    needs: "redis-exporter",
  },
  {
    name: "kafka-down",
    does: "stops Kafka",
    alert: "KafkaDown",
    severity: "critical",
    fault: serviceStop("kafka"),
    load: TRICKLE,
    needs: "kafka-exporter",
  },
  {
    name: "postgres-down",
    does: "stops PostgreSQL",
    alert: "PostgresDown",
    severity: "critical",
    fault: serviceStop("db"),
    load: TRICKLE,
    needs: "postgres-exporter",
  },
  {
    name: "poison",
    does: "writes dead letters",
    alert: "DeadLetters",
    severity: "warning",
    fault: poisonMessages,
    load: TRICKLE,
  },
  {
    name: "slow-analyser",
    does: "makes the analyser slow",
    alert: "ProcessingSlow",
    severity: "warning",
    fault: slowAnalyser,
    // More than slow workers can do (1.5 a second): once they are fast again, the slow thoughts are soon
    // outnumbered.
    load: { burst: 0, perSecond: 3 },
  },
  {
    name: "model-slow",
    does: "makes the language model slow",
    alert: "LanesFull",
    severity: "warning",
    fault: slowAnalyser,
    // Slow workers do 1.5 a second: more waits than there are lanes, but not for so long that OldestThoughtWaiting is
    // critical, which would be told in its place.
    load: { burst: 200, perSecond: 1.6 },
  },
  {
    name: "model-down",
    does: "takes the language model away",
    alert: "ModelUnavailable",
    severity: "critical",
    fault: modelDown,
    load: TRICKLE,
  },
  {
    name: "api-errors",
    does: "cuts the API off its stores",
    alert: "ApiErrorsHigh",
    severity: "critical",
    fault: networkCut("api", "data"),
    load: TRICKLE,
  },
  {
    name: "lag",
    does: "overloads slow workers",
    alert: "ConsumerLagHigh",
    severity: "critical",
    fault: slowAnalyser,
    // With room for what slow workers still complete while the alert is pending.
    load: { burst: 1.5 * THRESHOLDS.consumerLag.critical, perSecond: 2 },
    needs: "kafka-exporter",
  },
];
