// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package redisstate

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gomodule/redigo/redis"
	"go.uber.org/zap"

	"github.com/tapio/tapio/internal/panics"
	"github.com/tapio/tapio/internal/store"
)

// Options is what the shared state needs besides its configuration.
type Options struct {
	// ID distinguishes this server from the others.
	ID     string
	Store  *store.Store
	Logger *zap.Logger
	// Trouble is called when Redis does not answer, and with nil when it does again.
	Trouble  func(err error)
	Panicked func(err error)
}

// State is the state that is shared. A nil one shares nothing.
type State struct {
	Options
	config *Config
	pool   *redis.Pool

	leading  atomic.Bool // this server holds the lock
	refused  atomic.Bool // another server holds it
	requests requests

	failures atomic.Uint64
	dropped  struct{ requests, incidents atomic.Uint64 }

	mu    sync.Mutex
	since time.Time // when Redis began to fail; zero: it answers
	until time.Time // when it is tried again

	stop context.CancelFunc
	work sync.WaitGroup
}

// retryAfter is how long Redis is left alone after a failure, so that what would like to
// use it does not wait for it again and again.
const retryAfter = time.Second

const (
	maxIdle, maxConnections = 4, 32
	idleTimeout             = 4 * time.Minute
)

// dialer returns what connects to Redis.
func (c *Config) dialer(ctx context.Context) (func(context.Context) (redis.Conn, error), error) {
	options := []redis.DialOption{
		redis.DialConnectTimeout(c.Timeout), redis.DialReadTimeout(c.Timeout), redis.DialWriteTimeout(c.Timeout),
		redis.DialUsername(c.Username), redis.DialPassword(string(c.Password)), redis.DialDatabase(c.Database),
	}
	if client := c.TLS.Get(); client != nil {
		config, err := client.LoadTLSConfig(ctx)
		if err != nil {
			return nil, fmt.Errorf("tls: %w", err)
		}
		options = append(options, redis.DialTLSConfig(config))
	}
	if path, isSocket := strings.CutPrefix(c.Endpoint, "unix://"); isSocket {
		return func(ctx context.Context) (redis.Conn, error) { return redis.DialContext(ctx, "unix", path, options...) }, nil
	}
	return func(ctx context.Context) (redis.Conn, error) {
		return redis.DialURLContext(ctx, c.Endpoint, options...)
	}, nil
}

// Open prepares the state, nil without an address. It does not connect.
func Open(ctx context.Context, cfg *Config, options Options) (*State, error) {
	if !cfg.Enabled() {
		return nil, nil
	}
	dial, err := cfg.dialer(ctx)
	if err != nil {
		return nil, err
	}
	s := &State{Options: options, config: cfg, pool: &redis.Pool{
		DialContext: dial, MaxIdle: maxIdle, MaxActive: maxConnections, IdleTimeout: idleTimeout, Wait: true,
	}}
	s.requests.counts = map[serviceMinute]requestCount{}
	return s, nil
}

// Start finds out who evaluates rules, and begins to work in the background.
func (s *State) Start(ctx context.Context) {
	if s == nil {
		return
	}
	s.hold(ctx)
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.stop = stop
	parts := []func(context.Context){s.lead}
	if s.config.RequestRetention > 0 {
		parts = append(parts, s.writeRequests)
	}
	if s.config.IncidentStreamLength > 0 {
		tail := s.incidents()
		parts = append(parts, func(ctx context.Context) { s.feed(ctx, tail) })
	}
	for _, part := range parts {
		s.work.Go(func() { panics.Restart(ctx.Done(), func() { part(ctx) }, s.Panicked) })
	}
}

// Close ends the work, and gives up the lock.
func (s *State) Close() {
	if s == nil {
		return
	}
	if s.stop != nil {
		s.stop()
	}
	s.work.Wait()
	_ = s.pool.Close() // nothing is lost
}

func (s *State) key(parts ...string) string {
	key := s.config.KeyPrefix
	for i, part := range parts {
		if i > 0 {
			key += ":"
		}
		key += part
	}
	return key
}

// do runs commands, unless Redis failed a moment ago. Without an answer it returns false.
func (s *State) do(ctx context.Context, commands func(ctx context.Context, conn redis.Conn) error) bool {
	if !s.mayTry() {
		return false
	}
	within, cancel := context.WithTimeout(ctx, s.config.Timeout)
	defer cancel()
	err := func() error {
		conn, err := s.pool.GetContext(within)
		if err != nil {
			return err
		}
		defer func() { _ = conn.Close() }() // goes back into the pool
		return commands(within, conn)
	}()
	if err != nil && ctx.Err() != nil {
		return false // the caller gave up
	}
	s.note(err)
	return err == nil
}

func (s *State) mayTry() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !time.Now().Before(s.until)
}

// note remembers and reports whether Redis answers.
func (s *State) note(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		if !s.since.IsZero() {
			s.Logger.Info("Redis answers again", zap.Duration("after", time.Since(s.since)))
			s.Trouble(nil)
		}
		s.since, s.until = time.Time{}, time.Time{}
		return
	}
	s.failures.Add(1)
	s.until = time.Now().Add(retryAfter)
	if s.since.IsZero() {
		s.since = time.Now()
		err = fmt.Errorf("redis: %w: this server works alone until Redis answers, so that notifications may be sent by several servers", err)
		s.Logger.Warn("Redis does not answer", zap.Error(err))
		s.Trouble(err)
	}
}

// Answers reports whether Redis answered last.
func (s *State) Answers() bool {
	if s == nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.since.IsZero()
}

// Stats are the figures of the shared state.
type Stats struct {
	Failures uint64            // of commands
	Dropped  map[string]uint64 // what was not written, by kind
	Leading  bool
}

// Stats returns the figures, of nothing without Redis.
func (s *State) Stats() Stats {
	if s == nil {
		return Stats{}
	}
	return Stats{
		Failures: s.failures.Load(), Leading: s.leading.Load(),
		Dropped: map[string]uint64{"requests": s.dropped.requests.Load(), "incidents": s.dropped.incidents.Load()},
	}
}
