// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/tapio/tapio/internal/panics"
)

const (
	// keepResolved is how long an alert is remembered after its end, so that one
	// that comes back is reopened.
	keepResolved = time.Hour
	reviewEvery  = time.Second
)

// Backoff says how long to wait before a message is sent again.
type Backoff struct {
	Initial, Max  time.Duration
	Multiplier    float64
	Randomization float64 // 0 to 1
}

// delay is the wait after so many attempts.
func (b *Backoff) delay(attempts int) time.Duration {
	d := float64(b.Initial)
	for range attempts - 1 {
		if d *= b.Multiplier; d >= float64(b.Max) {
			break
		}
	}
	d = min(d, float64(b.Max))
	d *= 1 + b.Randomization*(2*rand.Float64()-1)
	return time.Duration(d)
}

// Options is what a Manager needs. All fields but Watchdog, Routes and Runbooks are
// required.
type Options struct {
	Receivers []Receiver
	Routes    []Route
	Runbooks  []Runbook
	Watchdog  Watchdog
	// QueueBytes bounds what waits for one receiver, MaxAge how long it does; 0: for
	// as long as it takes.
	QueueBytes int64
	MaxAge     time.Duration
	Backoff    Backoff
	// NoRetry gives a message up that fails once.
	NoRetry bool
	// ResolveTimeout is how long after a restart an alert of which nothing is
	// heard is taken to be over.
	ResolveTimeout time.Duration
	// Claims decides which of several servers sends a message; nil: this one.
	Claims  Claims
	Version string
	Logger  *zap.Logger
	Now     func() time.Time
	// Panicked is called for each panic that was recovered.
	Panicked func(err error)
}

// Manager decides which message goes to which receiver, and sends it. Make it with New.
type Manager struct {
	options Options
	started time.Time

	mu        sync.Mutex // guards what follows
	state     *Journal
	receivers map[string]*receiver
	stats     stats

	background context.Context // ends when work must stop
	stop       context.CancelFunc
	sending    context.Context // ends when requests under way are cut
	cut        context.CancelFunc
	work       sync.WaitGroup
}

var _ Notifier = (*Manager)(nil)

// New makes a manager of what is known.
func New(journal *Journal, options Options) *Manager {
	m := &Manager{options: options, started: options.Now(), state: journal, receivers: map[string]*receiver{}}
	m.background, m.stop = context.WithCancel(context.Background())
	m.sending, m.cut = context.WithCancel(context.Background())
	for _, r := range options.Receivers {
		m.receivers[r.Name] = newReceiver(r)
	}
	m.state.report = func(err error) {
		m.stats.journalFailures++
		m.options.Logger.Warn("failed to write the journal of notifications; they are kept in memory only", zap.Error(err))
	}
	for _, msg := range journal.waiting() {
		if r := m.receivers[msg.Receiver]; r != nil {
			msg.underWay, msg.attempts = false, 0
			r.push(msg)
		}
	}
	return m
}

// Settle drops messages that wait for a receiver that no longer exists. It is called
// once the configuration runs, for one that does not start must not cost messages.
func (m *Manager) Settle() {
	m.mu.Lock()
	defer m.mu.Unlock()
	var e entry
	for _, msg := range m.state.waiting() {
		if m.receivers[msg.Receiver] == nil {
			m.dead(msg, "unknown_receiver", nil)
			e.Done = append(e.Done, msg.ID)
		}
	}
	m.record(e)
}

// Start begins to send.
func (m *Manager) Start() {
	for _, r := range m.receivers {
		m.goOn(func() { m.deliver(r) })
		if r.Kind == KindAlertmanager && r.Resend > 0 {
			m.goOn(func() { m.resendAll(r) })
		}
	}
	m.goOn(m.reviewAll)
	if m.options.Watchdog.Interval > 0 {
		m.goOn(m.watch)
	}
}

func (m *Manager) goOn(part func()) {
	m.work.Go(func() { panics.Restart(m.background.Done(), part, m.options.Panicked) })
}

// Stop ends the work. Requests under way may end until ctx does; what waits stays
// in the state.
func (m *Manager) Stop(ctx context.Context) {
	m.stop()
	cut := context.AfterFunc(ctx, m.cut)
	m.work.Wait()
	cut()
	m.cut()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.state.close()
}

// Lost reports messages that are lost because nothing keeps them over the end of the
// process.
func (m *Manager) Lost() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.state.Persistent() {
		return
	}
	for _, r := range m.receivers {
		for _, msg := range r.queue {
			m.dead(msg, "shutdown", errors.New("store::directory is not set, so that messages are not kept"))
		}
	}
}

// Notify implements Notifier.
func (m *Manager) Notify(alerts ...Alert) { m.notify(0, alerts) }

// notify takes alerts, and how far the store was read for them.
func (m *Manager) notify(position uint64, alerts []Alert) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e := entry{Position: position}
	for i := range alerts {
		m.take(alerts[i], &e)
	}
	e.Forget = m.state.excess()
	if n := len(e.Forget); n > 0 {
		m.stats.forgotten += uint64(n)
	}
	m.record(e)
}

// record applies a change of the state and writes it to the journal. The caller
// holds the lock.
func (m *Manager) record(e entry) { m.state.record(e) }

// wake lets every receiver look at its queue.
func (m *Manager) wake() {
	for _, r := range m.receivers {
		r.wake()
	}
}

func (m *Manager) now() time.Time { return m.options.Now() }

func (m *Manager) reviewAll() {
	tick := time.NewTicker(reviewEvery)
	defer tick.Stop()
	for {
		select {
		case <-m.background.Done():
			return
		case <-tick.C:
			m.review(m.now())
		}
	}
}
