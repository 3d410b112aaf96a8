// A service in Go with net/http: metrics with exemplars, log lines of JSON, and traces.
//
//	OTEL_SERVICE_NAME=shop OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 go run .
package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

var durations = promauto.NewHistogramVec(prometheus.HistogramOpts{
	Name:    "http_request_duration_seconds",
	Help:    "Duration of HTTP requests.",
	Buckets: []float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5},
}, []string{"method", "route", "status_code"})

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	slog.SetDefault(slog.New(slog.NewJSONHandler(os.Stdout, nil)))

	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		slog.Error("no exporter", "error", err)
		os.Exit(1)
	}
	provider := sdk.NewTracerProvider(sdk.WithBatcher(exporter))
	otel.SetTracerProvider(provider)
	otel.SetTextMapPropagator(propagation.TraceContext{})

	mux := http.NewServeMux()
	handle(mux, "GET /orders/{id}", func(w http.ResponseWriter, r *http.Request) {
		reply(w, http.StatusOK, map[string]string{"id": r.PathValue("id"), "status": "sent"})
	})
	handle(mux, "GET /fail", func(w http.ResponseWriter, r *http.Request) {
		reply(w, http.StatusInternalServerError, map[string]string{"error": "on purpose"})
	})
	// Exemplars exist in OpenMetrics only.
	options := promhttp.HandlerOpts{EnableOpenMetrics: true}
	mux.Handle("GET /metrics", promhttp.HandlerFor(prometheus.DefaultGatherer, options))

	port := os.Getenv("PORT")
	if port == "" {
		port = "3000"
	}
	// Every address: Prometheus asks from a container.
	server := &http.Server{Addr: ":" + port, Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go func() {
		if err := server.ListenAndServe(); err != http.ErrServerClosed {
			slog.Error("cannot serve", "error", err)
			os.Exit(1)
		}
	}()
	<-ctx.Done()
	end, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_ = server.Shutdown(end)
	_ = provider.Shutdown(end)
}

// handle measures, logs and traces the requests of one route.
func handle(mux *http.ServeMux, pattern string, handler http.HandlerFunc) {
	route := pattern[len("GET "):]
	measured := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		started := time.Now()
		status := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		handler(status, r)
		seconds := time.Since(started).Seconds()
		span := trace.SpanContextFromContext(r.Context())
		exemplar := prometheus.Labels{"trace_id": span.TraceID().String()}
		durations.WithLabelValues(r.Method, route, strconv.Itoa(status.status)).(prometheus.ExemplarObserver).
			ObserveWithExemplar(seconds, exemplar)
		level := slog.LevelInfo
		if status.status >= 500 {
			level = slog.LevelError
		}
		slog.Log(r.Context(), level, "request", "method", r.Method, "route", route, "status_code", status.status,
			"seconds", seconds, "trace_id", span.TraceID().String(), "span_id", span.SpanID().String())
	})
	mux.Handle(pattern, otelhttp.NewHandler(measured, pattern))
}

func reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("content-type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

// statusWriter remembers the status that a handler wrote.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}
