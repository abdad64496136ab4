// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"encoding/json"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/tapio/tapio/internal/panics"
)

// Watchdog is a message that is sent all the time: when it stays away, Tapio does
// not run.
type Watchdog struct {
	// Interval is the time between messages, 0 for none.
	Interval  time.Duration
	Receivers []string
}

// watchdogID names the watchdog among the alerts.
const watchdogID = "watchdog"

// watch sends the watchdog's messages. One that fails is not sent again: the next
// takes its place.
func (m *Manager) watch() {
	tick := time.NewTicker(m.options.Watchdog.Interval)
	defer tick.Stop()
	for {
		for _, name := range m.options.Watchdog.Receivers {
			if r := m.receivers[name]; r != nil {
				m.work.Go(func() {
					if panicked := panics.Catch(func() { m.sendWatchdog(r) }); panicked != nil {
						m.options.Panicked(panicked)
					}
				})
			}
		}
		select {
		case <-m.background.Done():
			return
		case <-tick.C:
		}
	}
}

func (m *Manager) sendWatchdog(r *receiver) {
	now := m.now()
	id := messageID(r.Name, watchdogID, now.UTC().Format(time.RFC3339Nano))
	body, err := watchdogBody(r, m.options.Version, id, m.options.Watchdog.Interval, now)
	if err != nil {
		m.noteSide(r, err)
		return
	}
	m.noteSide(r, r.post(m.background, body, id, m.options.Version))
}

func watchdogBody(r *receiver, version, id string, interval time.Duration, now time.Time) ([]byte, error) {
	switch r.Kind {
	case KindAlertmanager:
		return json.Marshal([]postableAlert{{
			Labels: map[string]string{
				"alertname": "Watchdog", "source": string(SourceWatchdog), "severity": "none", "tapio_id": watchdogID,
			},
			Annotations: map[string]string{"summary": "Tapio is running: this alert always fires, and ends when Tapio does"},
			StartsAt:    now, EndsAt: now.Add(missedResends * interval),
		}})
	case KindWebhook:
		return webhookWatchdog(r.Name, version, id, now)
	default:
		return nil, fmt.Errorf("a receiver of kind %s takes no watchdog", r.Kind)
	}
}

// noteSide counts and logs what is sent beside the queue, if it failed.
func (m *Manager) noteSide(r *receiver, err error) {
	if err == nil || m.background.Err() != nil {
		return
	}
	m.mu.Lock()
	m.stats.watchdogFailed++
	m.mu.Unlock()
	m.options.Logger.Warn("failed to send watchdog or repeated alerts", zap.String("receiver", r.Name), zap.Error(err))
}
