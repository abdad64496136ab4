// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"encoding/json"
	"slices"
	"time"
)

// message is what one receiver gets at once. It is the unit that is sent again.
type message struct {
	ID       string    `json:"id"`
	Receiver string    `json:"receiver"`
	Group    string    `json:"group"`
	Sequence uint64    `json:"sequence"` // order of creation
	Created  time.Time `json:"created"`
	Due      time.Time `json:"due"` // further changes of the group join until then
	Alerts   []changed `json:"alerts"`

	size     int
	attempts int
	next     time.Time // of the attempts
	underWay bool
}

// changed is an alert in a message.
type changed struct {
	Alert    Alert             `json:"alert"`
	Changes  []Change          `json:"changes"`
	Identity map[string]string `json:"identity,omitempty"`
	// Earlier is the severity that was sent before.
	Earlier Severity `json:"earlier,omitempty"`
}

// status is resolved once all alerts are.
func (msg *message) status() string {
	for i := range msg.Alerts {
		if msg.Alerts[i].Alert.State.active() {
			return string(StateFiring)
		}
	}
	return string(StateResolved)
}

// enqueue adds a change to the message of its group that still waits, or to a new
// one. The caller holds the lock.
func (m *Manager) enqueue(d delivery, t *tracked, change Change, earlier Severity, now time.Time, e *entry) {
	r := m.receivers[d.receiver]
	if r == nil {
		return
	}
	one := changed{Alert: t.Alert, Changes: []Change{change}, Identity: t.Identity, Earlier: earlier}
	if r.single() { // takes one alert at a time
		d.group, d.route = d.receiver+"/"+t.Alert.ID, &Route{}
	}
	if waiting := r.waiting(d.group, now); waiting != nil {
		waiting.join(one)
		r.resize(waiting)
		e.Messages = append(e.Messages, waiting)
		return
	}
	m.state.Sequence++
	msg := &message{
		ID:       messageID(d.receiver, t.Alert.ID, string(change), t.Alert.UpdatedAt.UTC().Format(time.RFC3339Nano)),
		Receiver: d.receiver, Group: d.group, Sequence: m.state.Sequence, Created: now, Due: now, Alerts: []changed{one},
	}
	if d.route != nil {
		msg.Due = now.Add(d.route.GroupWait)
		if last, found := r.lastSent[d.group]; found {
			msg.Due = later(now, last.Add(d.route.GroupInterval))
		}
	}
	r.push(msg)
	e.Messages = append(e.Messages, msg)
	for r.bytes > m.options.QueueBytes && len(r.queue) > 1 {
		if !m.drop(r, r.oldestIdle(), "queue_full", nil, e) {
			break
		}
	}
	r.wake()
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// join adds a change: of an alert that is in the message, the latest state counts.
func (msg *message) join(one changed) {
	for i := range msg.Alerts {
		if old := &msg.Alerts[i]; old.Alert.ID == one.Alert.ID {
			old.Alert = one.Alert
			old.Changes = append(old.Changes, one.Changes...)
			return
		}
	}
	msg.Alerts = append(msg.Alerts, one)
}

// measure is what the message takes in the queue.
func (msg *message) measure() int {
	data, err := json.Marshal(msg)
	if err != nil {
		return maxText
	}
	return len(data)
}

// waiting returns the message of a group that changes may still join.
func (r *receiver) waiting(group string, now time.Time) *message {
	for _, msg := range r.queue {
		if msg.Group == group && msg.attempts == 0 && !msg.underWay && msg.Due.After(now) {
			return msg
		}
	}
	return nil
}

func (r *receiver) push(msg *message) {
	msg.size, msg.next = msg.measure(), msg.Due
	r.queue = append(r.queue, msg)
	r.bytes += int64(msg.size)
}

func (r *receiver) resize(msg *message) {
	size := msg.measure()
	r.bytes += int64(size - msg.size)
	msg.size = size
}

func (r *receiver) oldestIdle() *message {
	at := slices.IndexFunc(r.queue, func(msg *message) bool { return !msg.underWay })
	if at < 0 {
		return nil
	}
	return r.queue[at]
}

func (r *receiver) remove(msg *message) {
	if at := slices.Index(r.queue, msg); at >= 0 {
		r.queue = slices.Delete(r.queue, at, at+1)
		r.bytes -= int64(msg.size)
	}
}

// pick returns the message to send next, or how long to wait for one. Messages of
// a group keep their order; one that is tried again holds up no other group.
func (r *receiver) pick(now time.Time) (*message, time.Duration) {
	wait := time.Hour
	if pause := r.pausedUntil.Sub(now); pause > 0 {
		return nil, pause
	}
	var held []string
	for _, msg := range r.queue {
		if slices.Contains(held, msg.Group) {
			continue
		}
		if until := msg.next.Sub(now); until > 0 {
			held, wait = append(held, msg.Group), min(wait, until)
			continue
		}
		return msg, 0
	}
	return nil, wait
}
