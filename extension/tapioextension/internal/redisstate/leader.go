// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package redisstate

import (
	"context"
	"time"

	"github.com/gomodule/redigo/redis"
)

// renewals is how often the lock is renewed within a lease.
const renewals = 3

// holdScript takes the lock or renews it. It returns 1 if the caller holds it.
const holdScript = `
local holder = redis.call('GET', KEYS[1])
if not holder or holder == ARGV[1] then
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
  return 1
end
return 0`

// releaseScript gives the lock up if the caller holds it.
const releaseScript = `
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0`

// hold takes the lock or renews it.
func (s *State) hold(ctx context.Context) {
	var held int
	answered := s.do(ctx, func(ctx context.Context, conn redis.Conn) (err error) {
		held, err = redis.Int(redis.NewScript(1, holdScript).DoContext(ctx, conn, s.key("leader"), s.ID, s.config.Lease.Milliseconds()))
		return err
	})
	s.leading.Store(answered && held == 1)
	s.refused.Store(answered && held != 1)
}

// lead tries to hold the lock until the context ends, and gives it up then.
func (s *State) lead(ctx context.Context) {
	ticker := time.NewTicker(s.config.Lease / renewals)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			s.hold(ctx)
		case <-ctx.Done():
			if s.leading.Swap(false) {
				s.do(context.WithoutCancel(ctx), func(ctx context.Context, conn redis.Conn) error {
					_, err := redis.NewScript(1, releaseScript).DoContext(ctx, conn, s.key("leader"), s.ID)
					return err
				})
			}
			return
		}
	}
}

// Leads reports whether this server evaluates rules: it holds the lock, or no one is known
// to hold it.
func (s *State) Leads() bool { return s == nil || !s.refused.Load() }
