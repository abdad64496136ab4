// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSilences(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		to := &endpoint{}
		m := start(t, NewJournal(), nil, webhookTo(to))
		defer stop(m)
		m.Notify(incident("known", StateFiring, SeverityError))
		for _, matcher := range []string{`k8s.pod.name=~"payments-db-.*"`} {
			_, err := m.CreateSilence(Silence{Matchers: []Matcher{mustParse(t, matcher)}, EndsAt: time.Now().Add(10 * time.Minute)})
			require.NoError(t, err)
		}
		m.Notify(incident("known", StateResolved, SeverityError), incident("a", StateFiring, SeverityError),
			incident("passes by", StateFiring, SeverityError), incident("passes by", StateResolved, SeverityError))
		time.Sleep(9 * time.Minute)
		synctest.Wait()
		assert.Equal(t, [][]Change{{ChangeOpened}, {ChangeResolved}}, to.changes(t), "the end of a reported incident is reported")
		assert.EqualValues(t, 2, m.Silenced())
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		assert.Equal(t, [][]Change{{ChangeOpened}, {ChangeResolved}, {ChangeOpened}}, to.changes(t), "what goes on when the silence ends")

		again, err := m.CreateSilence(Silence{Matchers: []Matcher{mustParse(t, "service=payments-db")}, EndsAt: time.Now().Add(time.Hour)})
		require.NoError(t, err)
		m.Notify(incident("z", StateFiring, SeverityError))
		_, err = m.ExpireSilence(again.ID)
		require.NoError(t, err)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		assert.Len(t, to.got(), 4)
		_, err = m.ExpireSilence("none")
		require.ErrorContains(t, err, `no silence "none" exists`)
		for want, s := range map[string]Silence{
			"matchers: must not be empty": {EndsAt: time.Now().Add(time.Hour)},
			"must exclude alerts":         {Matchers: []Matcher{mustParse(t, `service=~".*"`)}, EndsAt: time.Now().Add(time.Hour)},
			"end_time: must be after":     {Matchers: []Matcher{mustParse(t, `service="a"`)}, EndsAt: time.Now().Add(-time.Hour)},
		} {
			_, err := m.CreateSilence(s)
			require.ErrorContains(t, err, want)
		}
	})
}
