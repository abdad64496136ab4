// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package redisstate

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"go.uber.org/zap"

	"github.com/tapio/tapio/extension/tapioextension/internal/dedup"
	"github.com/tapio/tapio/extension/tapioextension/internal/notify"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/otlp"
	"github.com/tapio/tapio/internal/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// limit bounds every wait of these tests.
const limit = 20 * time.Second

// server runs Redis on a socket until the end of the test.
type server struct {
	address string
	cmd     *exec.Cmd
}

func serve(t *testing.T) *server {
	t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skip("redis-server is not installed: apt-get install redis-server")
	}
	socket := filepath.Join(t.TempDir(), "redis.sock")
	s := &server{address: "unix://" + socket}
	s.start(t, path, socket)
	return s
}

func (s *server) start(t *testing.T, path, socket string) {
	t.Helper()
	s.cmd = exec.Command(path, "--port", "0", "--unixsocket", socket, "--save", "", "--dir", filepath.Dir(socket))
	require.NoError(t, s.cmd.Start())
	cmd := s.cmd
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()
	})
	require.Eventually(t, func() bool {
		_, err := s.ask("PING")
		return err == nil
	}, limit, 5*time.Millisecond)
}

// ask makes one command.
func (s *server) ask(command string, args ...any) (any, error) {
	conn, err := redis.Dial("unix", strings.TrimPrefix(s.address, "unix://"))
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	return conn.Do(command, args...)
}

// troubles are what a state reported.
type troubles struct {
	mu   sync.Mutex
	list []error
}

func (r *troubles) add(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, err)
}

func (r *troubles) all() []error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]error(nil), r.list...)
}

func open(t *testing.T, at *server, id string, kept *store.Store) (*State, *troubles) {
	t.Helper()
	cfg, reported := DefaultConfig(), &troubles{}
	cfg.Endpoint, cfg.Lease = at.address, time.Second
	require.NoError(t, cfg.Validate())
	s, err := Open(t.Context(), &cfg, Options{
		ID: id, Store: kept, Logger: zap.NewNop(), Trouble: reported.add, Panicked: func(err error) { assert.NoError(t, err) },
	})
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return s, reported
}

func emptyStore() *store.Store {
	return store.New(store.Limits{Logs: 1 << 20, Traces: 1 << 20, Metrics: 1 << 20}, time.Now)
}

func TestOneServerLeads(t *testing.T) {
	at := serve(t)
	a, _ := open(t, at, "a", emptyStore())
	b, _ := open(t, at, "b", emptyStore())
	a.Start(t.Context())
	b.Start(t.Context())
	assert.True(t, a.Leads())
	assert.False(t, b.Leads())
	a.Close()
	require.Eventually(t, b.Leads, limit, 5*time.Millisecond)
	assert.True(t, b.Stats().Leading)
}

func TestANotificationIsSentByOne(t *testing.T) {
	at := serve(t)
	a, _ := open(t, at, "a", emptyStore())
	b, _ := open(t, at, "b", emptyStore())
	opened, resolved := []notify.ClaimKey{{Alert: "x", Change: notify.ChangeOpened}}, []notify.ClaimKey{{Alert: "x", Change: notify.ChangeResolved}}
	verdict := func(s *State, keys []notify.ClaimKey) notify.Verdict {
		v, _ := s.Claim(t.Context(), keys)
		return v
	}
	assert.Equal(t, notify.Send, verdict(a, opened))
	assert.Equal(t, notify.Wait, verdict(b, opened))
	require.Eventually(t, func() bool { return verdict(b, opened) == notify.Send }, limit, 20*time.Millisecond, "a did not answer in time")
	b.Sent(t.Context(), opened)
	assert.Equal(t, notify.Skip, verdict(a, opened))
	assert.Equal(t, notify.Send, verdict(b, opened), "its own next one")
	b.Sent(t.Context(), opened)
	assert.Equal(t, notify.Send, verdict(a, resolved))
	a.Sent(t.Context(), resolved)
	left, err := redis.Int64(at.ask("PTTL", b.claimKey("x", notify.ChangeOpened)))
	require.NoError(t, err)
	assert.LessOrEqual(t, left, stragglers.Milliseconds(), "the next one may be sent by any")
}

// A message of several alerts is claimed in one order, whatever order they have in it.
func TestServersDoNotWaitForEachOther(t *testing.T) {
	at := serve(t)
	a, _ := open(t, at, "a", emptyStore())
	b, _ := open(t, at, "b", emptyStore())
	x, y := notify.ClaimKey{Alert: "x", Change: notify.ChangeOpened}, notify.ClaimKey{Alert: "y", Change: notify.ChangeOpened}
	first, _ := a.Claim(t.Context(), []notify.ClaimKey{x})
	second, _ := b.Claim(t.Context(), []notify.ClaimKey{y, x})
	third, _ := a.Claim(t.Context(), []notify.ClaimKey{y, x})
	assert.Equal(t, []notify.Verdict{notify.Send, notify.Wait, notify.Send}, []notify.Verdict{first, second, third})
}

func TestAnAddressIsShownWithoutItsPassword(t *testing.T) {
	for _, endpoint := range []string{"http://tapio:secret@redis:6379", "redis://tapio:secret@re dis:6379"} {
		cfg := DefaultConfig()
		cfg.Endpoint = endpoint
		err := cfg.Validate()
		require.ErrorContains(t, err, "is not an address of Redis")
		assert.NotContains(t, err.Error(), "secret")
	}
}

func TestBatchesAreStoredOnce(t *testing.T) {
	at := serve(t)
	a, _ := open(t, at, "a", emptyStore())
	b, _ := open(t, at, "b", emptyStore())
	ctx := t.Context()
	_, stored := a.Enter(ctx, "1")
	require.False(t, stored)
	waiting := make(chan dedup.Outcome, 1)
	go func() {
		known, stored := b.Enter(ctx, "1")
		assert.True(t, stored)
		waiting <- known
	}()
	a.Settle(ctx, "1", &dedup.Outcome{Accepted: 3, Rejected: 1})
	assert.Equal(t, dedup.Outcome{Accepted: 3, Rejected: 1}, <-waiting)

	_, stored = a.Enter(ctx, "2")
	require.False(t, stored)
	a.Settle(ctx, "2", nil)
	_, stored = b.Enter(ctx, "2")
	assert.False(t, stored, "it failed, so that the sender tries again")

	window, again := dedup.New(1<<20), dedup.New(1<<20)
	_, settle, err := window.EnterShared(ctx, a, []byte("sender"), []byte("3"))
	require.NoError(t, err)
	settle(&dedup.Outcome{Accepted: 7})
	known, settle, err := again.EnterShared(ctx, b, []byte("sender"), []byte("3"))
	require.NoError(t, err)
	assert.Nil(t, settle)
	assert.Equal(t, uint64(7), known.Accepted)
}

func TestRequestsOfAllServersAreCounted(t *testing.T) {
	at := serve(t)
	minute := time.Unix(1_800_000_000, 0).Truncate(time.Minute)
	span := func(kind, status int32) model.Span {
		start := model.Nanos(minute.UnixNano())
		return model.Span{
			Kind: kind, StatusCode: status, Start: start, End: start + 2e6,
			Resource: &model.Resource{Attributes: model.Attributes{{Key: "service.name", Value: model.StringValue("cart")}}},
		}
	}
	for _, id := range []string{"a", "b"} {
		s, _ := open(t, at, id, emptyStore())
		s.Start(t.Context())
		s.Observe([]model.Span{span(2, 0), span(2, 2), span(3, 0)})
		s.Close() // writes what is left
	}
	key := "tapio:red:cart:1800000000"
	got, err := redis.StringMap(at.ask("HGETALL", key))
	require.NoError(t, err)
	assert.Equal(t, map[string]string{"requests": "4", "errors": "2", "duration_us": "8000"}, got)
	left, err := redis.Int64(at.ask("PTTL", key))
	require.NoError(t, err)
	assert.Positive(t, left)
}

// Without Redis each server goes on alone, reports it, and what waits is written later.
func TestRedisAway(t *testing.T) {
	at := serve(t)
	kept := emptyStore()
	s, reported := open(t, at, "a", kept)
	s.Start(t.Context())
	require.NoError(t, at.cmd.Process.Kill())
	_ = at.cmd.Wait() // was killed
	append1 := func(id string) {
		group := &model.SemanticGroup{Title: "cart is slow", Range: model.TimeRange{Start: 1}}
		group.ID, group.Time = id, 1
		_, err := kept.AppendEvents([]model.Event{otlp.EventFromFinding(group)})
		require.NoError(t, err)
	}
	append1("g-1")
	require.Eventually(t, func() bool { return !s.Answers() }, limit, 5*time.Millisecond)
	verdict, _ := s.Claim(t.Context(), []notify.ClaimKey{{Alert: "x"}})
	assert.Equal(t, notify.Send, verdict)
	_, stored := s.Enter(t.Context(), "1")
	assert.False(t, stored)
	require.Eventually(t, s.Leads, limit, 5*time.Millisecond)
	assert.Positive(t, s.Stats().Failures)

	path, err := exec.LookPath("redis-server")
	require.NoError(t, err)
	at.start(t, path, at.address[len("unix://"):])
	require.Eventually(t, func() bool {
		reply, err := redis.Values(at.ask("XRANGE", "tapio:incidents", "-", "+"))
		text := fmt.Sprintf("%s", reply)
		return err == nil && len(reply) == 1 && strings.Contains(text, "g-1") && strings.Contains(text, "cart is slow")
	}, limit, 10*time.Millisecond)
	require.Eventually(t, func() bool { all := reported.all(); return len(all) == 2 && all[0] != nil && all[1] == nil }, limit, 10*time.Millisecond)
}

func TestConfigIsChecked(t *testing.T) {
	for want, change := range map[string]func(*Config){
		"":                             func(*Config) {},
		`endpoint: "redis" is not an`:  func(c *Config) { c.Endpoint = "redis" },
		"database: must be 0 or more":  func(c *Config) { c.Database = -1 },
		"timeout: must be 10ms to 1m":  func(c *Config) { c.Timeout = 1 },
		"lease: must be 1s to 10m":     func(c *Config) { c.Lease = 0 },
		"lease: must not be shorter":   func(c *Config) { c.Lease, c.Timeout = time.Second, 2*time.Second },
		"duplicate_retention: must be": func(c *Config) { c.DuplicateRetention = time.Millisecond },
		"request_retention: must be":   func(c *Config) { c.RequestRetention = time.Second },
		"incident_stream_length: must": func(c *Config) { c.IncidentStreamLength = -1 },
	} {
		cfg := DefaultConfig()
		cfg.Endpoint = "redis://localhost:6379"
		change(&cfg)
		err := errors.Join(cfg.Validate())
		if want == "" {
			require.NoError(t, err)
			continue
		}
		require.ErrorContains(t, err, want)
	}
	off := DefaultConfig()
	none, err := Open(context.Background(), &off, Options{})
	require.NoError(t, err)
	none.Start(t.Context())
	none.Observe(nil)
	none.Close()
	assert.True(t, none.Leads())
}
