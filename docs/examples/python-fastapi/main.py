"""A service in Python with FastAPI: metrics with exemplars, log lines of JSON, and traces.

    python3 -m venv .venv && .venv/bin/pip install -r requirements.txt
    OTEL_SERVICE_NAME=shop OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 .venv/bin/python main.py
"""

import datetime
import json
import os
import time

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from prometheus_client import REGISTRY, Histogram
from prometheus_client.openmetrics import exposition

provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
trace.set_tracer_provider(provider)

DURATIONS = Histogram(
    "http_request_duration_seconds",
    "Duration of HTTP requests.",
    ["method", "route", "status_code"],
    buckets=[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5],
)

app = FastAPI()


@app.middleware("http")
async def observe(request: Request, call_next):
    started = time.perf_counter()
    response = await call_next(request)
    seconds = time.perf_counter() - started
    # A path that is no route is one label value, whatever it was.
    route = getattr(request.scope.get("route"), "path", "none")
    span = trace.get_current_span().get_span_context()
    ids = {"trace_id": f"{span.trace_id:032x}", "span_id": f"{span.span_id:016x}"} if span.is_valid else {}
    labels = {"method": request.method, "route": route, "status_code": str(response.status_code)}
    exemplar = {"trace_id": ids["trace_id"]} if ids else None
    DURATIONS.labels(**labels).observe(seconds, exemplar)
    if route != "/metrics":
        now = datetime.datetime.now(datetime.timezone.utc).isoformat()
        level = "ERROR" if response.status_code >= 500 else "INFO"
        line = {"time": now, "level": level, "message": "request", **labels, "seconds": seconds, **ids}
        print(json.dumps(line), flush=True)
    return response


@app.get("/orders/{id}")
def order(id: str):
    return {"id": id, "status": "sent"}


@app.get("/fail")
def fail():
    return JSONResponse({"error": "on purpose"}, status_code=500)


@app.get("/metrics")
def metrics():
    # Exemplars exist in this format only.
    return Response(exposition.generate_latest(REGISTRY), media_type=exposition.CONTENT_TYPE_LATEST)


FastAPIInstrumentor.instrument_app(app, excluded_urls="metrics")

if __name__ == "__main__":
    # Every address: Prometheus asks from a container.
    uvicorn.run(app, host="0.0.0.0", port=int(os.environ.get("PORT", "3000")), log_level="warning")
