// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package redisstate

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/gomodule/redigo/redis"

	"github.com/tapio/tapio/extension/tapioextension/internal/dedup"
)

// pendingWait is the time between two looks at a batch that another server stores.
const pendingWait = 20 * time.Millisecond

// pending is the value of a batch that a server stores now, followed by the server.
const pending = "pending:"

// enterScript claims a batch. It returns the value that another server set, or an empty
// text.
const enterScript = `
local value = redis.call('GET', KEYS[1])
if not value or value == 'pending:' .. ARGV[1] then
  redis.call('SET', KEYS[1], 'pending:' .. ARGV[1], 'PX', ARGV[2])
  return ''
end
return value`

var _ dedup.Shared = (*State)(nil)

// Enter implements dedup.Shared.
func (s *State) Enter(ctx context.Context, batch string) (known dedup.Outcome, stored bool) {
	if s == nil || s.config.DuplicateRetention == 0 {
		return known, false
	}
	script := redis.NewScript(1, enterScript)
	for {
		var value string
		if !s.do(ctx, func(ctx context.Context, conn redis.Conn) (err error) {
			value, err = redis.String(script.DoContext(ctx, conn, s.key("batch", batch), s.ID, s.config.Lease.Milliseconds()))
			return err
		}) {
			return known, false
		}
		if !strings.HasPrefix(value, pending) {
			_, err := fmt.Sscanf(value, "%d,%d", &known.Accepted, &known.Rejected)
			return known, err == nil
		}
		select {
		case <-ctx.Done():
			return known, false
		case <-time.After(pendingWait):
		}
	}
}

// Settle implements dedup.Shared.
func (s *State) Settle(ctx context.Context, batch string, outcome *dedup.Outcome) {
	if s == nil || s.config.DuplicateRetention == 0 {
		return
	}
	s.do(ctx, func(ctx context.Context, conn redis.Conn) (err error) {
		key := s.key("batch", batch)
		if outcome == nil {
			_, err = redis.DoContext(conn, ctx, "DEL", key)
			return err
		}
		_, err = redis.DoContext(conn, ctx, "SET", key, fmt.Sprintf("%d,%d", outcome.Accepted, outcome.Rejected), "PX", s.config.DuplicateRetention.Milliseconds())
		return err
	})
}
