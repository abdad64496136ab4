// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"maps"
	"slices"
)

// stats count what is not counted by receiver.
type stats struct {
	silenced        uint64
	forgotten       uint64 // alerts, because there were too many
	lostRecords     uint64 // of the store, before they were read
	journalFailures uint64
	watchdogFailed  uint64
	sentElsewhere   uint64 // messages, by another server
	dead            map[DeadLetters]uint64
}

// DeadLetters is why messages for a receiver were given up.
type DeadLetters struct{ Receiver, Reason string }

func (s *stats) deadLetter(receiver, reason string) {
	if s.dead == nil {
		s.dead = map[DeadLetters]uint64{}
	}
	s.dead[DeadLetters{receiver, reason}]++
}

// ReceiverStats are the figures of one receiver.
type ReceiverStats struct {
	Name, Kind   string
	Sent         uint64 // messages
	Failed       uint64 // attempts, after which the message is sent again
	Queued       int    // messages
	QueuedBytes  int64
	LastError    string // of the latest attempt, "" if it succeeded
	DeadByReason map[string]uint64
}

// Receivers returns the figures of all receivers, by name.
func (m *Manager) Receivers() []ReceiverStats {
	m.mu.Lock()
	defer m.mu.Unlock()
	list := make([]ReceiverStats, 0, len(m.receivers))
	for _, name := range slices.Sorted(maps.Keys(m.receivers)) {
		r := m.receivers[name]
		one := ReceiverStats{
			Name: name, Kind: r.Kind, Sent: r.sent, Failed: r.failed, Queued: len(r.queue), QueuedBytes: r.bytes,
			DeadByReason: map[string]uint64{},
		}
		if r.lastErr != nil {
			one.LastError = r.lastErr.Error()
		}
		for key, n := range m.stats.dead {
			if key.Receiver == name {
				one.DeadByReason[key.Reason] = n
			}
		}
		list = append(list, one)
	}
	return list
}

// DeadLetters counts the messages that were given up since the start.
func (m *Manager) DeadLetters() map[DeadLetters]uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.stats.dead)
}

// Silenced counts the evaluations that a silence kept from being sent.
func (m *Manager) Silenced() uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.stats.silenced
}

// Skipped counts what was passed over: alerts, records of the store, entries of the
// journal and watchdog messages, by reason.
func (m *Manager) Skipped() map[string]uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return map[string]uint64{
		"too_many_alerts": m.stats.forgotten, "evicted_records": m.stats.lostRecords,
		"journal": m.stats.journalFailures, "watchdog": m.stats.watchdogFailed,
		"sent_by_another_server": m.stats.sentElsewhere,
	}
}
