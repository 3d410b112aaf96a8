import type { ServiceName } from "../services.ts";
import { THRESHOLDS } from "../../core/telemetry/thresholds.ts";
import type { Damage } from "./damage.ts";
import { poison } from "./poison.ts";
import { severance } from "./severance.ts";
import { slowness } from "./slowness.ts";
import { stoppage } from "./stoppage.ts";

/** Something that can be broken on purpose, and the alert that has to come of it. */
export interface Drill {
  name: string;
  /** What it does, in a few words. */
  does: string;
  /** A rule of config/prometheus/alerts.yml, by its name and severity. */
  alert: string;
  severity: "warning" | "critical";
  damage: Damage;
  /** Thoughts posted meanwhile, to see that none is lost: so many at the break, then so many a second. */
  load: { burst: number; perSecond: number };
  /** Who reports what the alert is about. */
  needs?: ServiceName;
}

const TRICKLE = { burst: 0, perSecond: 2 };

export const DRILLS: readonly Drill[] = [
  {
    name: "worker-down",
    does: "stops one worker",
    alert: "WorkersMissing",
    severity: "warning",
    damage: stoppage("kafka-worker", { most: 1 }),
    load: TRICKLE,
  },
  {
    name: "redis-down",
    does: "stops Redis",
    alert: "RedisDown",
    severity: "warning",
    damage: stoppage("redis"),
    load: TRICKLE,
    needs: "redis-exporter",
  },
  {
    name: "kafka-down",
    does: "stops Kafka",
    alert: "KafkaDown",
    severity: "critical",
    damage: stoppage("kafka"),
    load: TRICKLE,
    needs: "kafka-exporter",
  },
  {
    name: "postgres-down",
    does: "stops PostgreSQL",
    alert: "PostgresDown",
    severity: "critical",
    damage: stoppage("db"),
    load: TRICKLE,
    needs: "postgres-exporter",
  },
  {
    name: "poison",
    does: "sends unreadable messages",
    alert: "DeadLetters",
    severity: "warning",
    damage: poison,
    load: TRICKLE,
  },
  {
    name: "slow-analyser",
    does: "makes the analyser slow",
    alert: "ProcessingSlow",
    severity: "warning",
    damage: slowness,
    // More than slow workers can do, so that once they are quick again the slow thoughts are soon the few.
    load: { burst: 0, perSecond: 3 },
  },
  {
    name: "api-errors",
    does: "cuts the API off its stores",
    alert: "ApiErrorsHigh",
    severity: "critical",
    damage: severance("api", "data"),
    load: TRICKLE,
  },
  {
    name: "lag",
    does: "overloads slow workers",
    alert: "ConsumerLagHigh",
    severity: "critical",
    damage: slowness,
    // With room for what slow workers do get done while the alert is pending.
    load: { burst: 1.5 * THRESHOLDS.consumerLag.critical, perSecond: 2 },
    needs: "kafka-exporter",
  },
];
