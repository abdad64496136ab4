// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"time"
)

// Verdict is what a server does with a message.
type Verdict int

// The verdicts.
const (
	Send Verdict = iota
	Skip         // another server sent it
	Wait         // another server sends it, or failed to
)

// Claims decides which of several servers that see the same alerts sends a message.
type Claims interface {
	// Claim asks for a message by what it reports. With Wait it returns when to retry.
	Claim(ctx context.Context, keys []ClaimKey) (Verdict, time.Duration)
	// Sent notes that the message was sent.
	Sent(ctx context.Context, keys []ClaimKey)
}

// ClaimKey is a change of an alert for one receiver.
type ClaimKey struct {
	// Alert is equal on all servers that found the same, whatever ID they gave it.
	Alert  string
	Change Change
}

// claimKeys are what a message reports.
func (msg *message) claimKeys() []ClaimKey {
	keys := make([]ClaimKey, len(msg.Alerts))
	for i := range msg.Alerts {
		one := &msg.Alerts[i]
		hash := sha256.New()
		add := func(text string) { hash.Write([]byte(text + "\x00")) }
		add(msg.Receiver)
		add(string(one.Alert.Source))
		add(one.Alert.Name)
		for _, label := range slices.Sorted(maps.Keys(one.Alert.Labels)) {
			if label != "incident" { // the ID, which each server chooses
				add(label)
				add(one.Alert.Labels[label])
			}
		}
		keys[i] = ClaimKey{hex.EncodeToString(hash.Sum(nil)[:16]), one.Changes[len(one.Changes)-1]}
	}
	return keys
}

// mayAttempt reports whether this server sends a message that is under way. One that
// another server sent is done. Alertmanager finds duplicates itself.
func mayAttempt(m *Manager, r *receiver, msg *message) bool {
	if m.options.Claims == nil || r.Kind == KindAlertmanager {
		return true
	}
	verdict, wait := m.options.Claims.Claim(m.sending, msg.claimKeys())
	if verdict == Send {
		return true
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	msg.underWay = false
	if verdict == Wait {
		msg.next = m.now().Add(wait)
		return false
	}
	r.remove(msg)
	m.stats.sentElsewhere++
	m.record(entry{Done: []string{msg.ID}})
	return false
}

// noteClaims notes that a message was sent.
func noteClaims(m *Manager, r *receiver, msg *message, err error) {
	if err == nil && m.options.Claims != nil && r.Kind != KindAlertmanager {
		m.options.Claims.Sent(m.sending, msg.claimKeys())
	}
}
