{{/* Names, labels, and what several pods have in common. */}}

{{/* A Service's name begins with a letter and has no dots; a release's may be otherwise. */}}
{{- define "tp.fullname" -}}
{{- $release := regexReplaceAll "^([0-9])" (replace "." "-" .Release.Name) "r$1" -}}
{{- ternary $release (printf "%s-%s" $release .Chart.Name) (contains .Chart.Name $release) | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{/* Of one part: (list $ "api"). */}}
{{- define "tp.selector" -}}
app.kubernetes.io/name: {{ (index . 0).Chart.Name }}
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{- define "tp.labels" -}}
{{ include "tp.selector" . }}
app.kubernetes.io/version: {{ (index . 0).Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ (index . 0).Release.Service }}
helm.sh/chart: {{ printf "%s-%s" (index . 0).Chart.Name (index . 0).Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "tp.image" -}}
{{- with .Values.image -}}
{{- $repository := required "image.repository: name the image that `docker build .` made and you pushed" .repository -}}
{{- if .digest -}}{{ $repository }}@{{ .digest }}{{- else -}}{{ $repository }}:{{ .tag | default $.Chart.AppVersion }}{{- end -}}
{{- end -}}
{{- end -}}

{{/* The restricted pod security standard. 1993 is `deno` in the image. A Service named api would set API_PORT. */}}
{{- define "tp.podSecurity" -}}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 1993
  runAsGroup: 1993
  seccompProfile: { type: RuntimeDefault }
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end -}}

{{- define "tp.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: { drop: [ALL] }
{{- end -}}

{{/* No two replicas on one node, and zones alike, as far as there is room. */}}
{{- define "tp.spread" -}}
topologySpreadConstraints:
  {{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - topologyKey: {{ . }}
    maxSkew: 1
    whenUnsatisfiable: ScheduleAnyway
    matchLabelKeys: [pod-template-hash]
    labelSelector:
      matchLabels: {{- include "tp.selector" $ | nindent 8 }}
  {{- end }}
{{- end -}}

{{/* A part's own affairs: where its pods run. */}}
{{- define "tp.placement" -}}
{{- with .nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* What the Compose health check asks decides about traffic and the pace of a rollout; a restart helps only a process
that does not respond at all. (list "http" 8000) */}}
{{- define "tp.probes" -}}
startupProbe: {{- include "tp.probe" (list . "/health/live" 5 24) | nindent 2 }}
livenessProbe: {{- include "tp.probe" (list . "/health/live" 10 6) | nindent 2 }}
readinessProbe: {{- include "tp.probe" (list . "/health/ready" 5 3) | nindent 2 }}
{{- end -}}

{{- define "tp.probe" -}}
httpGet:
  port: {{ index . 0 }}
  path: {{ index . 1 }}
  httpHeaders: # unsampled, so that probes stay out of the traces
    - { name: traceparent, value: 00-00000000000000000000000000000001-0000000000000001-00 }
periodSeconds: {{ index . 2 }}
timeoutSeconds: 5
failureThreshold: {{ index . 3 }}
{{- end -}}

{{- define "tp.secretsFolder" -}}/run/secrets/thoughts{{- end -}}

{{- define "tp.databaseUrl" -}}
{{- $parameters := list -}}
{{- with .sslmode -}}{{- $parameters = append $parameters (printf "sslmode=%s" .) -}}{{- end -}}
{{- if .caSecret.name -}}
{{- $parameters = append $parameters (printf "sslrootcert=%s/database-ca.crt" (include "tp.secretsFolder" .)) -}}
{{- end -}}
{{- .url -}}
{{- if $parameters -}}{{- ternary "&" "?" (contains "?" .url) -}}{{- join "&" $parameters -}}{{- end -}}
{{- end -}}

{{/* Variables that the API, workers and the migration read alike. */}}
{{- define "tp.databaseEnv" -}}
{{- $folder := include "tp.secretsFolder" . -}}
{{- with .Values.database }}
{{- if .urlSecret.name }}
- { name: DATABASE_URL_FILE, value: {{ $folder }}/database-url }
{{- else }}
{{- $_ := required "database.url or database.urlSecret: API and workers need a PostgreSQL" .url }}
- { name: DATABASE_URL, value: {{ include "tp.databaseUrl" . | quote }} }
{{- end }}
{{- if .passwordSecret.name }}
- { name: DATABASE_PASSWORD_FILE, value: {{ $folder }}/database-password }
{{- end }}
{{- end }}
- { name: LOG_LEVEL, value: {{ .Values.logLevel | quote }} }
{{- with .Values.deployment }}
- { name: DEPLOYMENT, value: {{ . | quote }} }
{{- end }}
{{- with .Values.otlp.endpoint }}
- { name: OTEL_EXPORTER_OTLP_ENDPOINT, value: {{ . | quote }} }
- { name: OTEL_TRACES_SAMPLER_ARG, value: {{ $.Values.otlp.sampleRatio | quote }} }
{{- end }}
{{- end -}}

{{- define "tp.redisEnv" -}}
{{- $folder := include "tp.secretsFolder" . -}}
{{- with .Values.redis }}
{{- if .urlSecret.name }}
- { name: REDIS_URL_FILE, value: {{ $folder }}/redis-url }
{{- else if .url }}
- { name: REDIS_URL, value: {{ .url | quote }} }
{{- end }}
{{- if .passwordSecret.name }}
- { name: REDIS_PASSWORD_FILE, value: {{ $folder }}/redis-password }
{{- end }}
{{- if .caSecret.name }}
- { name: REDIS_CA_FILE, value: {{ $folder }}/redis-ca.crt }
{{- end }}
{{- end }}
{{- end -}}

{{- define "tp.kafkaEnv" -}}
{{- $folder := include "tp.secretsFolder" . -}}
{{- with .Values.kafka }}
{{- $brokers := join "," .brokers }}
- { name: KAFKA_BROKERS, value: {{ required "kafka.brokers: workers need a Kafka" $brokers | quote }} }
- { name: KAFKA_PARTITIONS, value: {{ .partitions | quote }} }
{{- with .sasl.mechanism }}
- { name: KAFKA_SASL_MECHANISM, value: {{ . }} }
- { name: KAFKA_USER, value: {{ required "kafka.sasl.user: whom to log in" $.Values.kafka.sasl.user | quote }} }
{{- $_ := required "kafka.sasl.passwordSecret: the login needs a password" $.Values.kafka.sasl.passwordSecret.name }}
- { name: KAFKA_PASSWORD_FILE, value: {{ $folder }}/kafka-password }
{{- end }}
{{- if .tls.enabled }}
- { name: KAFKA_TLS, value: "true" }
{{- if .tls.caSecret.name }}
- { name: KAFKA_CA_FILE, value: {{ $folder }}/kafka-ca.crt }
{{- end }}
{{- if .tls.clientSecret.name }}
- { name: KAFKA_CERT_FILE, value: {{ $folder }}/kafka.crt }
- { name: KAFKA_KEY_FILE, value: {{ $folder }}/kafka.key }
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{/* The API checks a webhook's URL when it is saved, and who delivers checks it again. */}}
{{- define "tp.webhookEnv" -}}
- { name: WEBHOOK_PRIVATE_HOSTS, value: {{ join "," .Values.webhooks.privateHosts | quote }} }
{{- end -}}

{{- define "tp.settingsEnv" -}}
{{- range $name, $value := . }}
{{- if and (kindIs "float64" $value) (eq (float64 (int64 $value)) $value) }}{{ $value = int64 $value }}{{ end }}
- { name: {{ $name }}, value: {{ $value | toString | quote }} }
{{- end }}
{{- end -}}

{{/* One volume with the files that a process reads: (dict "database-password" .Values.database.passwordSecret …). */}}
{{- define "tp.volumes" -}}
- name: tmp
  emptyDir: { medium: Memory, sizeLimit: 32Mi }
{{- $sources := list -}}
{{- range $path, $secret := . -}}
{{- if $secret.name -}}
{{- $sources = append $sources (dict "secret" (dict "name" $secret.name "items" (list (dict "key" $secret.key "path" $path)))) -}}
{{- end -}}
{{- end -}}
{{- if $sources }}
- name: secrets
  projected:
    sources: {{- toYaml $sources | nindent 6 }}
{{- end }}
{{- end -}}

{{- define "tp.mounts" -}}
- { name: tmp, mountPath: /tmp }
{{- range $secret := values . -}}
{{- if $secret.name }}
- { name: secrets, mountPath: {{ include "tp.secretsFolder" $ }}, readOnly: true }
{{- break -}}
{{- end -}}
{{- end }}
{{- end -}}

{{- define "tp.databaseSecrets" -}}
{{- with .Values.database -}}
{{- dict "database-url" .urlSecret "database-password" .passwordSecret "database-ca.crt" .caSecret | toJson -}}
{{- end -}}
{{- end -}}

{{- define "tp.redisSecrets" -}}
{{- with .Values.redis -}}
{{- dict "redis-url" .urlSecret "redis-password" .passwordSecret "redis-ca.crt" .caSecret | toJson -}}
{{- end -}}
{{- end -}}

{{- define "tp.kafkaSecrets" -}}
{{- with .Values.kafka -}}
{{- $client := .tls.clientSecret -}}
{{- dict "kafka-password" .sasl.passwordSecret "kafka-ca.crt" .tls.caSecret
  "kafka.crt" (dict "name" $client.name "key" $client.certKey) "kafka.key" (dict "name" $client.name "key" $client.keyKey) | toJson -}}
{{- end -}}
{{- end -}}

{{/* Values that are right alone and wrong together. */}}
{{- define "tp.check" -}}
{{- with .Values -}}
{{- if and .workers.autoscaling.enabled (gt (int .workers.autoscaling.max) (int .kafka.partitions)) -}}
{{- fail (printf "workers.autoscaling.max is %d, but kafka.partitions is %d: a worker without a partition gets no work" (int .workers.autoscaling.max) (int .kafka.partitions)) -}}
{{- end -}}
{{- if and (not .workers.autoscaling.enabled) (gt (int .workers.replicas) (int .kafka.partitions)) -}}
{{- fail (printf "workers.replicas is %d, but kafka.partitions is %d: a worker without a partition gets no work" (int .workers.replicas) (int .kafka.partitions)) -}}
{{- end -}}
{{- range $name, $it := dict "database" .database "redis" .redis -}}
{{- if and $it.url $it.urlSecret.name -}}
{{- fail (printf "%s.url and %s.urlSecret are both given: which is it?" $name $name) -}}
{{- end -}}
{{- end -}}
{{- if and .database.urlSecret.name .database.sslmode -}}
{{- fail "database.sslmode is added to database.url; with database.urlSecret, write it into the address in the Secret" -}}
{{- end -}}
{{- if and (or .kafka.tls.caSecret.name .kafka.tls.clientSecret.name) (not .kafka.tls.enabled) -}}
{{- fail "kafka.tls has certificates, but kafka.tls.enabled is false: the connection would be in the clear" -}}
{{- end -}}
{{- if and (or .kafka.sasl.user .kafka.sasl.passwordSecret.name) (not .kafka.sasl.mechanism) -}}
{{- fail "kafka.sasl has a login, but no kafka.sasl.mechanism: nobody would log in" -}}
{{- end -}}
{{- if and .networkPolicy.egress.enabled (not .networkPolicy.enabled) -}}
{{- fail "networkPolicy.egress.enabled needs networkPolicy.enabled: nothing would be closed" -}}
{{- end -}}
{{- if and .networkPolicy.egress.enabled (not (or .networkPolicy.egress.cidrs .networkPolicy.egress.rules)) -}}
{{- fail "networkPolicy.egress: neither cidrs nor rules name the stores, which could then not be reached" -}}
{{- end -}}
{{- range $part, $it := dict "api" .api "workers" .workers -}}
{{- if and $it.autoscaling.enabled (gt (int $it.autoscaling.min) (int $it.autoscaling.max)) -}}
{{- fail (printf "%s.autoscaling.min is greater than its max" $part) -}}
{{- end -}}
{{- end -}}
{{- if not (or .api.keysSecret.name .api.allowAnonymous) -}}
{{- fail "api.keysSecret: name the Secret with the API keys, or set api.allowAnonymous=true where something else keeps strangers out" -}}
{{- end -}}
{{- if and .api.keysSecret.name .api.allowAnonymous -}}
{{- fail "api.keysSecret and api.allowAnonymous are both given: with keys nobody is anonymous" -}}
{{- end -}}
{{- if and .canary.enabled .api.keysSecret.name (not .canary.keySecret.name) -}}
{{- fail "canary.keySecret: the API wants keys; make one for the canary: deno task key canary --user thought-processor-canary" -}}
{{- end -}}
{{- if and .ingress.enabled (not (and .ingress.host .ingress.tlsSecret)) -}}
{{- fail "ingress: needs host and tlsSecret; keys and thoughts do not travel in the clear" -}}
{{- end -}}
{{- if and .keda.enabled (not .keda.prometheusUrl) -}}
{{- fail "keda.prometheusUrl: KEDA reads the metrics from a Prometheus" -}}
{{- end -}}
{{- if and .monitoring.enabled (not ($.Files.Glob "files/prometheus/*.yml")) -}}
{{- fail "The chart has no rules: its files/ are symbolic links, which this checkout has not kept. Use `helm package` on a machine that has them" -}}
{{- end -}}
{{- end -}}
{{- end -}}
