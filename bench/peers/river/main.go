// The pipeline on River: `river api`, `river worker`.
package main

import (
	"context"
	"encoding/json"
	"log"
	"log/slog"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
)

type thinkArgs struct {
	ID string `json:"id"`
}

func (thinkArgs) Kind() string { return "think" }

type thinker struct {
	river.WorkerDefaults[thinkArgs]
	pool *pgxpool.Pool
}

func (t *thinker) Work(ctx context.Context, job *river.Job[thinkArgs]) error {
	_, err := t.pool.Exec(ctx,
		"update thoughts set result = $2, finished_at = clock_timestamp() where id = $1 and finished_at is null",
		job.Args.ID, `{"summary":""}`)
	return err
}

func main() {
	ctx := context.Background()
	pool, err := pgxpool.New(ctx, os.Getenv("DATABASE_URL")+"?pool_max_conns=20")
	must(err)
	driver := riverpgxv5.New(pool)
	if os.Args[1] == "api" {
		migrator, err := rivermigrate.New(driver, nil)
		must(err)
		_, err = migrator.Migrate(ctx, rivermigrate.DirectionUp, nil)
		must(err)
	}
	config := &river.Config{Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))}
	if os.Args[1] == "worker" {
		workers := river.NewWorkers()
		river.AddWorker(workers, &thinker{pool: pool})
		config.Workers = workers
		config.Queues = map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: 500}}
		// Below the defaults of 100 ms and 1 s: its documents name the cooldown as the setting for latency.
		config.FetchCooldown = 5 * time.Millisecond
		config.FetchPollInterval = 100 * time.Millisecond
	}
	client, err := river.NewClient(driver, config)
	must(err)
	var ready atomic.Bool
	http.HandleFunc("GET /health/ready", func(w http.ResponseWriter, _ *http.Request) {
		if !ready.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	http.HandleFunc("POST /thoughts", func(w http.ResponseWriter, r *http.Request) {
		var given struct {
			UserID string `json:"user_id"`
			Text   string `json:"text"`
		}
		if json.NewDecoder(r.Body).Decode(&given) != nil || given.UserID == "" || given.Text == "" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		id, err := post(r.Context(), pool, client, given.UserID, given.Text)
		if err != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusCreated)
		_ = json.NewEncoder(w).Encode(map[string]string{"id": id})
	})
	if os.Args[1] == "worker" {
		must(client.Start(ctx))
	}
	ready.Store(true)
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), nil))
}

// The thought and its job in one transaction.
func post(ctx context.Context, pool *pgxpool.Pool, client *river.Client[pgx.Tx], user, text string) (string, error) {
	id := uuid.NewString()
	tx, err := pool.Begin(ctx)
	if err != nil {
		return "", err
	}
	defer tx.Rollback(ctx)
	if _, err = tx.Exec(ctx, "insert into thoughts (id, user_id, text) values ($1, $2, $3)", id, user, text); err != nil {
		return "", err
	}
	if _, err = client.InsertTx(ctx, tx, thinkArgs{ID: id}, nil); err != nil {
		return "", err
	}
	return id, tx.Commit(ctx)
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
