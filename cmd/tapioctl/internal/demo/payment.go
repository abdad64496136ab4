// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/tapio/tapio/internal/semconv"
)

// databaseURL has the timeout that the database ends a statement after.
const databaseURL = "postgres://payment@" + database + ":5432/payments?sslmode=disable&default_query_exec_mode=simple_protocol" +
	"&pool_max_conns=8&statement_timeout=1000"

func (s *service) openDatabase(ctx context.Context) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(databaseURL)
	if err != nil {
		return nil, err
	}
	config.ConnConfig.DialFunc = s.dial
	config.ConnConfig.LookupFunc = func(_ context.Context, host string) ([]string, error) { return []string{host}, nil }
	return pgxpool.NewWithConfig(ctx, config)
}

func (s *service) paymentRoutes(ctx context.Context, client *http.Client) ([]route, error) {
	charges, err := s.openDatabase(ctx)
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, charges.Close)
	return []route{{"POST /charges", func(r *http.Request) error {
		ctx, order := r.Context(), rand.IntN(1<<30)
		work(ctx, 3*time.Millisecond)
		err := retry(ctx, 2, func() error {
			return s.execute(ctx, charges, "INSERT INTO charges (order_id, amount) VALUES ($1, $2)", order, 1+rand.IntN(200))
		})
		if err != nil {
			return err
		}
		err = retry(ctx, 2, func() error { return call(ctx, client, http.MethodPost, url(bank, "/transfers")) })
		if err != nil {
			return unavailable(err)
		}
		if err := s.execute(ctx, charges, "UPDATE charges SET settled = true WHERE order_id = $1", order); err != nil {
			return err
		}
		s.log.InfoContext(ctx, "charge settled")
		return nil
	}}}, nil
}

// execute runs one statement, with a span as the instrumentation of a driver
// makes it.
func (s *service) execute(ctx context.Context, db *pgxpool.Pool, statement string, arguments ...any) error {
	operation, _, _ := strings.Cut(statement, " ")
	attributes := []attribute.KeyValue{
		attribute.String(semconv.DBSystemName, "postgresql"), attribute.String(semconv.DBNamespace, "payments"),
		attribute.String(semconv.DBOperationName, operation), attribute.String(semconv.DBCollectionName, "charges"),
		attribute.String(semconv.DBQueryText, statement),
		attribute.String(semconv.ServerAddress, database), attribute.Int(semconv.ServerPort, 5432),
	}
	return s.inSpan(ctx, operation+" charges", trace.SpanKindClient, attributes, func(ctx context.Context) error {
		_, err := db.Exec(ctx, statement, arguments...)
		return err
	})
}
