// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A collector that is killed at any moment sends what it had not, and nothing twice.
func TestRestartSendsNothingTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		down := &endpoint{answer: func(int) (int, string) { return http.StatusBadGateway, "" }}
		journal, damaged, err := OpenJournal(dir)
		require.NoError(t, err)
		require.Zero(t, damaged)
		up := &endpoint{}
		other := webhookTo(up)
		other.Name = "other"
		m := start(t, journal, nil, webhookTo(down), other)
		m.Notify(incident("a", StateFiring, SeverityError), incident("b", StateFiring, SeverityError))
		_, err = m.CreateSilence(Silence{Matchers: []Matcher{mustParse(t, `incident="c"`)}, EndsAt: time.Now().Add(time.Hour)})
		require.NoError(t, err)
		synctest.Wait()
		require.Len(t, up.got(), 2)
		killed := snapshot(t, dir)
		stop(m)

		require.NoError(t, os.WriteFile(filepath.Join(dir, journalFile), append(killed, []byte(`{"alerts":[{"cut`)...), 0o600))
		journal, damaged, err = OpenJournal(dir)
		require.NoError(t, err)
		require.Equal(t, 1, damaged, "the line that the kill cut")
		later := &endpoint{}
		m = start(t, journal, nil, webhookTo(later), other)
		defer stop(m)
		m.Notify(incident("a", StateFiring, SeverityError), incident("b", StateResolved, SeverityError), incident("c", StateFiring, SeverityError))
		synctest.Wait()
		assert.Equal(t, [][]Change{{ChangeOpened}, {ChangeOpened}, {ChangeResolved}}, later.changes(t), "what waited, and what is new")
		assert.Equal(t, [][]Change{{ChangeOpened}, {ChangeOpened}, {ChangeResolved}}, up.changes(t))
	})
}

func snapshot(t *testing.T, dir string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(dir, journalFile))
	require.NoError(t, err)
	return content
}

// An engine that was restarted finds an incident again, under another id.
func TestAnIncidentThatGoesOnOverARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		to := &endpoint{}
		journal, _, err := OpenJournal(dir)
		require.NoError(t, err)
		m := start(t, journal, nil, webhookTo(to))
		m.Notify(incident("a", StateFiring, SeverityError), func() Alert {
			other := incident("stays away", StateFiring, SeverityError)
			other.Cause[0].Name = "orders"
			return other
		}())
		synctest.Wait()
		stop(m)
		journal, _, err = OpenJournal(dir)
		require.NoError(t, err)
		m = start(t, journal, nil, webhookTo(to))
		defer stop(m)
		m.Notify(incident("b", StateFiring, SeverityError), incident("b", StateResolved, SeverityError))
		synctest.Wait()
		assert.Equal(t, [][]Change{{ChangeOpened}, {ChangeOpened}, {ChangeResolved}}, to.changes(t))
		assert.Contains(t, to.got()[2], `"id":"incident/a"`)
		time.Sleep(61 * time.Minute)
		synctest.Wait()
		assert.Contains(t, to.got()[3], "Nothing was heard of it since Tapio was restarted")
	})
}
