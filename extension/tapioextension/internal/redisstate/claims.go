// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package redisstate

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/gomodule/redigo/redis"

	"github.com/tapio/tapio/extension/tapioextension/internal/notify"
)

// Values of a claim, followed by the server.
const (
	claimed = "claimed:"
	sent    = "sent:"
)

const (
	// sentRetention is how long it is known that a notification was sent.
	sentRetention = time.Hour
	// stragglers is how long other servers may be behind with what an alert has left.
	stragglers = 30 * time.Second
	// claimWait is the time until a claim of another server is looked at again.
	claimWait = time.Second
)

// claimScript claims a key, unless another server did or has sent it. It returns the value
// that stands in the way, or an empty text.
const claimScript = `
local value = redis.call('GET', KEYS[1])
if not value or value == 'claimed:' .. ARGV[1] or value == 'sent:' .. ARGV[1] then
  redis.call('SET', KEYS[1], 'claimed:' .. ARGV[1], 'PX', ARGV[2])
  return ''
end
return value`

var _ notify.Claims = (*State)(nil)

// Claim implements notify.Claims. While Redis does not answer every server sends. All
// servers claim in the same order: else two could hold what the other one waits for.
func (s *State) Claim(ctx context.Context, keys []notify.ClaimKey) (notify.Verdict, time.Duration) {
	script := redis.NewScript(1, claimScript)
	sentByOthers := 0
	keys = slices.SortedFunc(slices.Values(keys), func(a, b notify.ClaimKey) int {
		return cmp.Or(cmp.Compare(a.Alert, b.Alert), cmp.Compare(a.Change, b.Change))
	})
	for _, key := range keys {
		var other string
		if !s.do(ctx, func(ctx context.Context, conn redis.Conn) (err error) {
			other, err = redis.String(script.DoContext(ctx, conn, s.claimKey(key.Alert, key.Change), s.ID, s.config.Lease.Milliseconds()))
			return err
		}) {
			return notify.Send, 0
		}
		switch {
		case strings.HasPrefix(other, claimed):
			return notify.Wait, claimWait
		case strings.HasPrefix(other, sent):
			sentByOthers++
		}
	}
	if sentByOthers == len(keys) {
		return notify.Skip, 0
	}
	return notify.Send, 0
}

func (s *State) claimKey(alert string, change notify.Change) string {
	return s.key("notification", alert, string(change))
}

// ends reports whether an alert is over after a change.
func ends(change notify.Change) bool {
	return change == notify.ChangeResolved || change == notify.ChangeMerged
}

// Sent implements notify.Claims. What was sent of the alert before its end is forgotten soon
// after it, and the end likewise once the alert is active again, so that any server may
// send the next one.
func (s *State) Sent(ctx context.Context, keys []notify.ClaimKey) {
	s.do(ctx, func(ctx context.Context, conn redis.Conn) error {
		t := transaction{conn: conn}
		for _, key := range keys {
			t.send("SET", s.claimKey(key.Alert, key.Change), sent+s.ID, "PX", sentRetention.Milliseconds())
			for _, other := range []notify.Change{
				notify.ChangeOpened, notify.ChangeReopened, notify.ChangeSeverityRaised, notify.ChangeRecovering, notify.ChangeResolved, notify.ChangeMerged,
			} {
				if ends(other) != ends(key.Change) {
					t.send("PEXPIRE", s.claimKey(key.Alert, other), stragglers.Milliseconds())
				}
			}
		}
		return t.commit(ctx)
	})
}
