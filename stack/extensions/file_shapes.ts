/** The files of extensions, as strict as their readers: one that is invalid keeps Prometheus from starting. */
import * as z from "zod";
import { suggestion } from "../suggestion.ts";

export const ScrapeFile = z.object({
  scrape_configs: z.array(z.looseObject({ job_name: z.string().min(1) })).min(1),
});
/** Fields of a job, to find those that are mistyped: a newer Prometheus may know more. */
const JOB_FIELDS =
  `job_name honor_labels honor_timestamps track_timestamps_staleness params scrape_interval scrape_timeout
  scrape_protocols fallback_scrape_protocol scrape_native_histograms always_scrape_classic_histograms
  convert_classic_histograms_to_nhcb scrape_failure_log_file metrics_path scheme enable_compression body_size_limit
  sample_limit target_limit label_limit label_name_length_limit label_value_length_limit keep_dropped_targets
  native_histogram_bucket_limit native_histogram_min_bucket_factor metric_name_validation_scheme
  metric_name_escaping_scheme basic_auth authorization oauth2 bearer_token bearer_token_file tls_config
  follow_redirects enable_http2 proxy_url no_proxy proxy_from_environment proxy_connect_header http_headers
  static_configs relabel_configs
  metric_relabel_configs`.split(/\s+/);
/** "5m", "1h30m", or 0. */
const Duration = z.coerce.string().regex(/^(0|(?=\d)(\d+y)?(\d+w)?(\d+d)?(\d+h)?(\d+m)?(\d+s)?(\d+ms)?)$/, {
  error: "Not a duration such as 5m",
});
const Texts = z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]));
/** As strict as Prometheus, which does not start with a field that it does not know. */
const Rule = z.strictObject({
  alert: z.string().min(1).optional(),
  record: z.string().min(1).optional(),
  expr: z.union([z.string(), z.number()], "Needs an expression"),
  for: Duration.optional(),
  keep_firing_for: Duration.optional(),
  labels: Texts.optional(),
  annotations: Texts.optional(),
})
  .refine(
    ({ alert, record }) => (alert === undefined) !== (record === undefined),
    "Needs alert or record, not both",
  )
  .refine(
    ({ record, for: duration, keep_firing_for, annotations }) =>
      record === undefined || [duration, keep_firing_for, annotations].every((field) => field === undefined),
    "A recorded series has no for, keep_firing_for or annotations",
  );
export const RuleFile = z.strictObject({
  groups: z.array(z.strictObject({
    name: z.string().min(1),
    interval: Duration.optional(),
    query_offset: Duration.optional(),
    limit: z.number().optional(),
    labels: Texts.optional(),
    rules: z.array(Rule),
  })).refine(
    (groups) => new Set(groups.map(({ name }) => name)).size === groups.length,
    "Two groups have the same name",
  ),
});
export const DashboardFile = z.looseObject({
  uid: z.string("Needs a uid, as Grafana's classic model has one").min(1),
  title: z.string().min(1),
  __inputs: z.undefined("Its data sources are open: export it again, without sharing it externally")
    .optional(),
});

/** Fields of a job that are probably mistyped. @returns for each, what was meant */
export function mistypedFields(job: Readonly<Record<string, unknown>>): string[] {
  return Object.keys(job).filter((field) => !JOB_FIELDS.includes(field) && !field.endsWith("_sd_configs"))
    .flatMap((field) => suggestion(field, JOB_FIELDS).map((meant) => `${field}: ${meant}`));
}
