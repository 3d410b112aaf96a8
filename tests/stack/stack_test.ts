/** The real stack in Docker, from `up` to `down`. */
import assert from "node:assert/strict";
import { docker, missingImages, whyNoEngine } from "./engine.ts";
import { compose, containers, json, logs, metric, servicesInTrace, urls } from "./stack.ts";
import { waitFor } from "../support/wait.ts";

/** With REQUIRE_STACK=1 nothing is skipped: no engine is a failure, and missing images are pulled. */
const required = Deno.env.get("REQUIRE_STACK") === "1";
const reason = await whySkip();
if (reason) {
  // deno-lint-ignore no-console -- a skipped test must be heard
  console.error(`skipped: the real stack does not run here: ${reason}`);
}

/** The API, 3 workers, 4 exporters and 6 monitoring services. */
const TARGETS = 14;

Deno.test({ name: "the real stack", ignore: reason !== undefined }, async (t) => {
  const traceId = crypto.randomUUID().replaceAll("-", "");
  let thoughtId = "";
  let upAt = 0;

  /** Each step needs the ones before it. */
  async function step(name: string, run: () => Promise<void>) {
    if (!await t.step(name, run)) throw new Error("the steps after this one were not tried");
  }

  try {
    await compose("down", "--volumes", "--remove-orphans");

    await step("comes up healthy from nothing with one command", async () => {
      await compose("up", "--detach", "--build", "--wait", "--wait-timeout", "300");
      await everyServiceIsHealthy();
    });

    await step("every target is up", () => everyTargetIsUp(TARGETS));

    await step("a thought is processed", async () => {
      const { id, status } = await json(`${urls.api}/thoughts`, {
        method: "POST",
        headers: { "content-type": "application/json", traceparent: `00-${traceId}-00f067aa0ba902b7-01` },
        body: JSON.stringify({ user_id: "stack-test", text: "The whole stack is up, time for a walk." }),
      });
      assert.equal(status, "pending");
      thoughtId = id;
      await until("the result", thoughtIsCompleted);
    });

    await step("its trace has spans of the API and of a worker", async () => {
      await until("the whole trace", traceIsWhole);
    });

    await step("its lines are in Loki, found by trace", async () => {
      for (const service of ["thoughtprocessor-api", "kafka-worker"]) {
        await until(`${service}'s line`, async () => {
          const [stream] = await logs(`{service="${service}"} | trace_id="${traceId}"`);
          return stream?.stream.level === "INFO" ? stream : undefined;
        });
      }
    });

    await step("every worker's lines are in Loki, and each worker can be told apart", async () => {
      await until("lines of three workers", async () => {
        const names = new Set((await logs('{service="kafka-worker"}')).map(({ stream }) => stream.container));
        return names.size === 3 ? names : undefined;
      });
    });

    await step("span metrics arrive in Prometheus", async () => {
      await until("span metrics", async () => {
        const found = await metric('traces_spanmetrics_calls_total{service="thoughtprocessor-api"}');
        return found.length > 0 ? found : undefined;
      });
    });

    await step("Grafana reaches every data source", async () => {
      const headers = { authorization: `Basic ${btoa("admin:admin")}` };
      for (const uid of ["prometheus", "loki", "tempo"]) {
        const { status } = await json(`${urls.grafana}/api/datasources/uid/${uid}/health`, { headers });
        assert.equal(status, "OK", uid);
      }
    });

    await step("Prometheus and Alertmanager find nothing wrong with their own configuration", async () => {
      await compose(
        "exec",
        "-T",
        "prometheus",
        "promtool",
        "check",
        "config",
        "/etc/prometheus/prometheus.yml",
      );
      await compose(
        "exec",
        "-T",
        "alertmanager",
        "amtool",
        "check-config",
        "/etc/alertmanager/alertmanager.yml",
      );
    });

    await step("no long-running container has a password in its environment", async () => {
      for (const { Name, Service } of await containers()) {
        if (Service === "secrets") continue;
        const { stdout } = await docker(["inspect", "--format", "{{json .Config.Env}}", Name]);
        for (const variable of JSON.parse(stdout) as string[]) {
          assert.ok(!/PASS(WORD)?=|_KEY=./.test(variable), `${Name}: ${variable.split("=")[0]}`);
        }
      }
    });

    await step("scaled to five, Prometheus sees five workers", async () => {
      await compose("up", "--detach", "--wait", "--scale", "kafka-worker=5");
      await everyTargetIsUp(TARGETS + 2);
      assert.equal((await metric('up{job="kafka-worker"} == 1')).length, 5);
      upAt = Date.now() / 1000;
    });

    await step("after down and up, thoughts, metrics, logs and traces are still there", async () => {
      await compose("down");
      await compose("up", "--detach", "--wait", "--wait-timeout", "300");
      await everyServiceIsHealthy();
      await until("the thought", thoughtIsCompleted);
      assert.equal((await metric('up{job="kafka-worker"} == 1', upAt)).length, 5, "metrics from before");
      await until("the trace", traceIsWhole);
      await until("the lines", async () => {
        const found = await logs(`{service="thoughtprocessor-api"} | trace_id="${traceId}"`);
        return found.length > 0 ? found : undefined;
      });
      await everyTargetIsUp(TARGETS);
    });
  } finally {
    if (Deno.env.get("KEEP_STACK") !== "1") await compose("down", "--volumes");
  }

  async function thoughtIsCompleted() {
    const thought = await json(`${urls.api}/thoughts/${thoughtId}`);
    return thought.status === "completed" ? thought : undefined;
  }

  async function traceIsWhole() {
    const services = await servicesInTrace(traceId);
    return services.join() === "kafka-worker,thoughtprocessor-api" ? services : undefined;
  }
});

async function everyServiceIsHealthy() {
  for (const { Service, Name, State, Health, ExitCode } of await containers()) {
    if (Service === "secrets") assert.equal(ExitCode, 0, Name);
    else assert.equal(`${State}, ${Health}`, "running, healthy", Name);
  }
}

async function everyTargetIsUp(count: number) {
  await until(`${count} targets up`, async () => {
    const { activeTargets } = (await json(`${urls.prometheus}/api/v1/targets?state=active`)).data;
    const down = activeTargets.filter((target: { health: string }) => target.health !== "up");
    if (down.length > 0) throw new Error(`${down[0].labels.job}: ${down[0].lastError || "not scraped yet"}`);
    return activeTargets.length === count ? true : undefined;
  });
}

async function whySkip(): Promise<string | undefined> {
  const noEngine = await whyNoEngine();
  if (required && noEngine) throw new Error(`REQUIRE_STACK=1, but ${noEngine}`);
  if (required || noEngine) return noEngine;
  const [missing] = await missingImages();
  return missing && `image ${missing} is not here; run: docker compose --profile monitoring pull`;
}

/** Waits as long as six scrapes take. */
function until<T>(what: string, ask: () => Promise<T | undefined>): Promise<T> {
  return waitFor(what, ask, { timeoutMs: 90_000, everyMs: 500 });
}
