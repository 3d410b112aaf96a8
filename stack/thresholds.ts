/** The limits, as dashboards, rules and launcher use them. They stand in core, where the live page can read them too. */
export * from "../core/thresholds.ts";
