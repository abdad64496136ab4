// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tapio/tapio/internal/model"
)

const (
	maxSilences = 1000
	// keepSilence is how long a silence that has ended is listed.
	keepSilence = 24 * time.Hour
	maxMatchers = 32
	maxComment  = 1 << 10
)

// Silence keeps the alerts that all its matchers hold for from being sent.
type Silence struct {
	ID        string    `json:"id"`
	Matchers  []Matcher `json:"matchers"`
	StartsAt  time.Time `json:"starts_at"`
	EndsAt    time.Time `json:"ends_at"`
	Comment   string    `json:"comment,omitempty"`
	CreatedBy string    `json:"created_by,omitempty"`
	CreatedAt time.Time `json:"created_at"`
}

// Active reports whether the silence holds at that time.
func (s *Silence) Active(now time.Time) bool { return !now.Before(s.StartsAt) && now.Before(s.EndsAt) }

// check completes a silence and reports the field that is wrong.
func (s *Silence) check(now time.Time) error {
	if s.StartsAt.IsZero() || s.StartsAt.Before(now) {
		s.StartsAt = now
	}
	switch {
	case len(s.Matchers) == 0:
		return model.InvalidField("matchers", "must not be empty: name what is silenced, for example service=\"checkout\"")
	case len(s.Matchers) > maxMatchers:
		return model.InvalidField("matchers", "must be at most %d, are %d", maxMatchers, len(s.Matchers))
	case s.matchesEverything():
		return model.InvalidField("matchers", "one of them must exclude alerts without the label: add for example severity=\"warning\"")
	case !s.EndsAt.After(s.StartsAt):
		return model.InvalidField("end_time", "must be after the start and in the future, is %s", s.EndsAt.UTC().Format(time.RFC3339))
	case len(s.Comment) > maxComment:
		return model.InvalidField("comment", "must have at most %d bytes, has %d", maxComment, len(s.Comment))
	}
	return nil
}

// matchesEverything reports whether the silence would mute an alert that has
// none of its labels: a mistake, as a rule.
func (s *Silence) matchesEverything() bool { return allMatch(s.Matchers, &Alert{}) }

// CreateSilence begins a silence, or plans one that starts later.
func (m *Manager) CreateSilence(s Silence) (Silence, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	if err := s.check(now); err != nil {
		return Silence{}, err
	}
	m.forgetSilences(now)
	if len(m.state.Silences) >= maxSilences {
		return Silence{}, model.InvalidField("matchers", "%d silences exist, the most there may be: expire one with tapioctl silence expire", maxSilences)
	}
	s.ID, s.CreatedAt = strings.ToLower(rand.Text()[:12]), now
	m.record(entry{Silence: &s})
	m.wake()
	return s, nil
}

// Silences lists the silences, the newest first, with those that ended within a
// day.
func (m *Manager) Silences() []Silence {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.forgetSilences(m.now())
	list := make([]Silence, 0, len(m.state.Silences))
	for _, s := range m.state.Silences {
		list = append(list, *s)
	}
	slices.SortFunc(list, func(a, b Silence) int {
		if c := b.CreatedAt.Compare(a.CreatedAt); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	return list
}

// ErrNoSilence is returned for a silence that does not exist.
type ErrNoSilence struct{ ID string }

// Error implements error.
func (e *ErrNoSilence) Error() string {
	return fmt.Sprintf("no silence %q exists: tapioctl silence list shows all", e.ID)
}

// ExpireSilence ends a silence now. One that has ended stays as it is.
func (m *Manager) ExpireSilence(id string) (Silence, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	found, ok := m.state.Silences[id]
	if !ok {
		return Silence{}, &ErrNoSilence{id}
	}
	s, now := *found, m.now()
	if s.EndsAt.After(now) {
		s.EndsAt = now
		if s.StartsAt.After(now) {
			s.StartsAt = now
		}
		m.record(entry{Silence: &s})
		m.wake()
	}
	return s, nil
}

// forgetSilences drops those that ended long ago.
func (m *Manager) forgetSilences(now time.Time) {
	for id, s := range m.state.Silences {
		if now.Sub(s.EndsAt) > keepSilence {
			delete(m.state.Silences, id)
		}
	}
}

// silenced returns the silence that mutes the alert, nil for none.
func (m *Manager) silenced(a *Alert, now time.Time) *Silence {
	for _, s := range m.state.Silences {
		if s.Active(now) && allMatch(s.Matchers, a) {
			return s
		}
	}
	return nil
}
