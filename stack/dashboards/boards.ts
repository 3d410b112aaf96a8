/** The dashboards by uid, in the order in which they link to each other and are documented. */
export const DASHBOARDS = {
  "tp-overview": { title: "Overview", file: "overview-dashboard.json" },
  "tp-api": { title: "API Metrics", file: "api-dashboard.json" },
  "tp-kafka": { title: "Kafka & Batch Processing", file: "kafka-dashboard.json" },
  "tp-database": { title: "Database & Cache", file: "database-dashboard.json" },
  "tp-slo": { title: "SLOs", file: "slo-dashboard.json" },
} as const;
export type Uid = keyof typeof DASHBOARDS;

/** The uid of an adopted service's dashboard. */
export function serviceUid(name: string): string {
  return `own-${name}`;
}
