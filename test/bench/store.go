// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"sync/atomic"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// storeStats returns how full the store is, by signal.
func storeStats(ctx context.Context, c *collector) (map[string]*tapiov1.StoreStats, error) {
	conn, err := dial(c.api)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	info, err := tapiov1.NewTapioServiceClient(conn).GetServiceInfo(ctx, &tapiov1.GetServiceInfoRequest{})
	if err != nil {
		return nil, fmt.Errorf("ask what the store holds: %w", err)
	}
	stats := map[string]*tapiov1.StoreStats{}
	for _, of := range info.Store {
		stats[of.Signal] = of
	}
	return stats, nil
}

// fill stores at least so many records of a signal.
func fill(ctx context.Context, set settings, c *collector, signal string, records int) error {
	batches, err := otlpBatches(signal)
	if err != nil {
		return err
	}
	l, err := newLoad(ctx, c, set.Senders, batches, otlpLink(signal))
	if err != nil {
		return err
	}
	defer l.close()
	left := new(atomic.Int64)
	left.Store(int64(records))
	l.run(ctx, func() bool { return left.Add(-recordsPerBatch) > -recordsPerBatch })
	if trouble := l.trouble(); trouble != "" {
		return fmt.Errorf("fill the store with %s: %s", signal, trouble)
	}
	return ctx.Err()
}
