// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"errors"
	"time"

	"go.uber.org/zap"

	"github.com/tapio/tapio/internal/panics"
)

// deliver sends the messages of one receiver.
func (m *Manager) deliver(r *receiver) {
	for m.background.Err() == nil {
		msg, wait := m.pick(r)
		if msg != nil {
			if mayAttempt(m, r, msg) {
				err := m.attempt(r, msg)
				noteClaims(m, r, msg, err)
				m.settle(r, msg, err)
			}
			continue
		}
		timer := time.NewTimer(wait)
		select {
		case <-m.background.Done():
		case <-r.wakeup:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// pick returns the message to send next. Those that are too old go.
func (m *Manager) pick(r *receiver) (*message, time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	var e entry
	for i := 0; i < len(r.queue); {
		msg := r.queue[i]
		aged := m.options.MaxAge > 0 && now.Sub(later(msg.Created, msg.Due)) > m.options.MaxAge
		if aged && m.drop(r, msg, "expired", r.lastErr, &e) {
			continue
		}
		i++
	}
	m.record(e)
	msg, wait := r.pick(now)
	if msg != nil {
		msg.underWay = true
	}
	return msg, wait
}

// attempt sends a message once. A panic in it is a fault of the message.
func (m *Manager) attempt(r *receiver, msg *message) (err error) {
	if panicked := panics.Catch(func() { err = r.send(m.sending, msg, m.options.Version, m.now()) }); panicked != nil {
		m.options.Panicked(panicked)
		return &rejectedError{reason: "encoding", err: panicked}
	}
	return err
}

// settle notes what became of an attempt.
func (m *Manager) settle(r *receiver, msg *message, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	msg.underWay = false
	msg.attempts++
	var e entry
	rejected, permanent := errors.AsType[*rejectedError](err)
	switch {
	case err == nil:
		r.sent++
		r.lastErr = nil
		r.noteSent(msg.Group, now)
		r.remove(msg)
		e.Done = append(e.Done, msg.ID)
	case permanent:
		m.drop(r, msg, rejected.reason, rejected.err, &e)
	case m.options.NoRetry:
		m.drop(r, msg, "failed", err, &e)
	default:
		r.failed++
		r.lastErr = err
		msg.next = now.Add(m.options.Backoff.delay(msg.attempts))
		if busy, ok := errors.AsType[*busyError](err); ok && busy.after > 0 {
			r.pausedUntil = now.Add(busy.after)
			msg.next = r.pausedUntil
		}
		if m.sending.Err() == nil {
			m.options.Logger.Warn("failed to send notification, it will be sent again", zap.String("receiver", r.Name),
				zap.String("message", msg.ID), zap.Int("attempt", msg.attempts), zap.Duration("after", msg.next.Sub(now)), zap.Error(err))
		}
	}
	m.record(e)
}

// drop gives a message up.
func (m *Manager) drop(r *receiver, msg *message, reason string, err error, e *entry) bool {
	if msg == nil || msg.underWay {
		return false
	}
	r.remove(msg)
	m.dead(msg, reason, err)
	e.Done = append(e.Done, msg.ID)
	return true
}

// dead counts and logs a message that no receiver will get.
func (m *Manager) dead(msg *message, reason string, err error) {
	m.stats.deadLetter(msg.Receiver, reason)
	var alerts []string
	for i := range msg.Alerts {
		alerts = append(alerts, msg.Alerts[i].Alert.ID)
	}
	m.options.Logger.Error("notification dropped", zap.String("receiver", msg.Receiver), zap.String("reason", reason),
		zap.String("message", msg.ID), zap.Strings("alerts", alerts), zap.Error(err))
}
