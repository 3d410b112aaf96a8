{{/* What Compose's alerts tell a person to do, told for a cluster. A test fails on a command of Docker that is left. */}}
{{- define "tp.action" -}}
{{- $kubectl := printf "kubectl -n %s" .namespace -}}
{{- $restart := printf "%s rollout restart deployment/%s" $kubectl .name -}}
{{- $pods := printf "%s get pods -l app.kubernetes.io/instance=%s" $kubectl .release -}}
{{- $proxy := printf "kubectl get --raw /api/v1/namespaces/%s/pods/{{ $labels.pod }}" .namespace -}}
{{- $text := .text -}}
{{- range list
  (list "docker compose up -d --scale kafka-worker=5 (at most" "raise workers.autoscaling.max (at most")
  (list "docker compose stop kafka-worker" (printf "%s scale deployment/%s-worker --replicas=0" $kubectl .name))
  (list "docker compose --profile monitoring up -d" "Look at the ServiceMonitor and the PodMonitor, and whether Prometheus selects their labels.")
  (list "docker compose ps -a kafka-worker" $pods)
  (list "docker compose ps -a" $pods)
  (list "docker compose up -d kafka-worker" (printf "%s-worker" $restart))
  (list "docker compose restart kafka-worker" (printf "%s-worker" $restart))
  (list "docker compose up -d api" (printf "%s-api" $restart))
  (list "docker compose restart api" (printf "%s-api" $restart))
  (list "docker compose logs webhooks" (printf "%s logs deployment/%s-webhooks" $kubectl .name))
  (list "docker compose up -d kafka" "Ask Kafka's operator or provider: kubectl get kafka -A")
  (list "docker compose up -d db" "Ask PostgreSQL's operator or provider: kubectl get cluster -A")
  (list "docker compose up -d redis" "Ask Redis's operator or provider.")
  (list "curl -s http://127.0.0.1:8000/metrics" (printf "%s:8000/proxy/metrics" $proxy))
  (list "curl -s http://127.0.0.1:8001/metrics" (printf "%s:8001/proxy/metrics" $proxy))
  (list "http://127.0.0.1:9090/targets" "Prometheus's page /targets")
  (list "valid key into .env" "valid key into its Secret")
  (list " in .env" " in workers.settings")
  (list "deno task redrive" (printf "%s exec deployment/%s-worker -- deno task redrive" $kubectl .name))
-}}
{{- $text = replace (index . 0) (index . 1) $text -}}
{{- end -}}
{{- regexReplaceAll `docker compose logs --tail \d+` $text "Read the log of" -}}
{{- end -}}
