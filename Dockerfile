# One image for every process of ours: the API (default), the worker and redrive.
FROM denoland/deno:2.9.6

WORKDIR /app
# What tests and the launcher use is not in this lock file, and hence not in the image.
COPY deno.json ./
COPY programs.lock deno.lock
COPY core core
COPY api api
COPY worker worker
COPY canary canary
COPY webhooks webhooks
COPY docs/runbooks.md docs/runbooks.md
COPY config/http-probe.sh /usr/local/bin/http-probe
COPY config/start.sh /usr/local/bin/start
# A checkout made with a strict umask has files that only their owner may read. COPY's own --chmod would need BuildKit,
# which is not everywhere.
RUN chmod -R a+rX /app /usr/local/bin/http-probe && chmod a+rx /usr/local/bin/start
# --frozen: a lock file that does not match fails the build instead of fetching something else.
RUN deno cache --frozen core/reachable_hosts.ts api/main.ts api/migrate.ts worker/main.ts worker/operate.ts webhooks/main.ts canary/main.ts

# The code stays root's: the process can read it and not change it.
USER deno
ENV DENO_NO_UPDATE_CHECK=1 DENO_NO_PROMPT=1
EXPOSE 8000 8001
# A small young generation: a third less memory (docs/decisions/0041).
CMD ["start", "api", "--v8-flags=--max-semi-space-size=4,--heap-growing-percent=80"]
