// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// endpoint is a receiver's server, in this process.
type endpoint struct {
	mu     sync.Mutex
	bodies []string
	answer func(n int) (code int, retryAfter string)
	hang   bool
}

func (e *endpoint) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	if e.hang {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.bodies = append(e.bodies, string(body))
	code, after := http.StatusOK, ""
	if e.answer != nil {
		code, after = e.answer(len(e.bodies))
	}
	header := http.Header{}
	if after != "" {
		header.Set("Retry-After", after)
	}
	return &http.Response{StatusCode: code, Header: header, Body: io.NopCloser(strings.NewReader("answer to " + r.URL.String()))}, nil
}

func (e *endpoint) got() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]string(nil), e.bodies...)
}

// changes are those that the webhook received, by message.
func (e *endpoint) changes(t *testing.T) (all [][]Change) {
	t.Helper()
	for _, body := range e.got() {
		var msg webhookMessage
		require.NoError(t, json.Unmarshal([]byte(body), &msg))
		var one []Change
		for _, a := range msg.Alerts {
			one = append(one, a.Changes...)
		}
		all = append(all, one)
	}
	return all
}

const secretURL = "https://hooks.example.com/services/T0/SECRET"

func webhookTo(e *endpoint) Receiver {
	return Receiver{Name: "ops", Kind: KindWebhook, URL: secretURL, Client: &http.Client{Transport: e}}
}

type started struct {
	*Manager
	logs *observer.ObservedLogs
}

func start(t *testing.T, journal *Journal, change func(*Options), receivers ...Receiver) started {
	t.Helper()
	core, logs := observer.New(zap.DebugLevel)
	options := Options{
		Receivers: receivers, QueueBytes: 1 << 20, MaxAge: time.Hour, ResolveTimeout: time.Hour, Version: "1.0", Logger: zap.New(core),
		Backoff: Backoff{Initial: time.Second, Max: time.Minute, Multiplier: 2}, Now: time.Now,
		Panicked: func(err error) { t.Error(err) },
	}
	var names []string
	for _, r := range receivers {
		names = append(names, r.Name)
	}
	options.Routes = []Route{{Receivers: names}}
	if change != nil {
		change(&options)
	}
	m := New(journal, options)
	m.Start()
	return started{m, logs}
}

func stop(m started) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	m.Stop(ctx)
}

func incident(id string, state State, severity Severity) Alert {
	return Alert{
		ID: "incident/" + id, Source: SourceIncident, Name: "Incident", State: state, Severity: severity, Title: "payments-db is slow",
		Labels: map[string]string{"incident": id, "service": "payments-db"}, Services: []string{"payments-db", "checkout"},
		Cause:    []Entity{{Kind: "service", Name: "payments-db", Attributes: map[string]string{"k8s.pod.name": "payments-db-0"}}},
		StartsAt: time.Now().Add(-time.Minute), UpdatedAt: time.Now(),
	}
}

func TestOneMessagePerChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		to := &endpoint{}
		m := start(t, NewJournal(), nil, webhookTo(to))
		defer stop(m)
		for _, a := range []Alert{
			incident("a", StateFiring, SeverityWarning), incident("a", StateFiring, SeverityWarning),
			incident("a", StateFiring, SeverityInfo), incident("a", StateFiring, SeverityCritical),
			incident("a", StateUnknown, SeverityCritical), incident("a", StateRecovering, SeverityCritical),
			incident("a", StateRecovering, SeverityCritical), incident("a", StateFiring, SeverityCritical),
			incident("a", StateResolved, SeverityCritical), incident("a", StateResolved, SeverityCritical),
			incident("a", StateFiring, SeverityWarning), incident("a", StateMerged, SeverityWarning),
			incident("never seen", StateResolved, SeverityCritical),
		} {
			m.Notify(a)
			synctest.Wait()
		}
		assert.Equal(t, [][]Change{
			{ChangeOpened}, {ChangeSeverityRaised}, {ChangeRecovering}, {ChangeReopened}, {ChangeResolved}, {ChangeReopened}, {ChangeMerged},
		}, to.changes(t))
	})
}

func TestRetriesHonourRetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var at []time.Duration
		begun := time.Now()
		to := &endpoint{answer: func(n int) (int, string) {
			at = append(at, time.Since(begun))
			switch n {
			case 1:
				return http.StatusTooManyRequests, "30"
			case 2:
				return http.StatusServiceUnavailable, ""
			default:
				return http.StatusAccepted, ""
			}
		}}
		m := start(t, NewJournal(), nil, webhookTo(to))
		defer stop(m)
		m.Notify(incident("a", StateFiring, SeverityError))
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.Equal(t, []time.Duration{0, 30 * time.Second, 32 * time.Second}, at)
		assert.Empty(t, m.DeadLetters())
		assert.Equal(t, to.got()[0], strings.ReplaceAll(to.got()[2], sentAt(t, to.got()[2]), sentAt(t, to.got()[0])), "the same message, with the same id")
		for _, entry := range m.logs.All() {
			assert.NotContains(t, entry.ContextMap()["error"], "SECRET")
		}
	})
}

func sentAt(t *testing.T, body string) string {
	t.Helper()
	var msg struct {
		SentAt string `json:"sent_at"`
	}
	require.NoError(t, json.Unmarshal([]byte(body), &msg))
	return msg.SentAt
}

func TestASlowReceiverHoldsUpNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow, fast := &endpoint{hang: true}, &endpoint{}
		hanging := webhookTo(slow)
		hanging.Name = "slow"
		m := start(t, NewJournal(), nil, hanging, webhookTo(fast))
		for range 3 {
			m.Notify(incident("a", StateFiring, SeverityError))
			m.Notify(incident("a", StateResolved, SeverityError))
			synctest.Wait()
		}
		assert.Len(t, fast.got(), 6)
		assert.Empty(t, slow.got())
		assert.Equal(t, 6, m.Receivers()[1].Queued)
		stop(m)
	})
}

func mustParse(t *testing.T, text string) Matcher {
	t.Helper()
	m, err := ParseMatcher(text)
	require.NoError(t, err)
	return m
}

func TestGroups(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		to, other := &endpoint{}, &endpoint{}
		second := webhookTo(other)
		second.Name = "critical"
		m := start(t, NewJournal(), func(o *Options) {
			o.Routes = []Route{
				{Matchers: []Matcher{mustParse(t, `severity="critical"`)}, Receivers: []string{"critical"}, Continue: true},
				{Receivers: []string{"ops", "ops"}, GroupBy: []string{"service"}, GroupWait: 10 * time.Second, GroupInterval: time.Minute},
			}
		}, webhookTo(to), second)
		defer stop(m)
		m.Notify(incident("a", StateFiring, SeverityError), incident("b", StateFiring, SeverityCritical))
		time.Sleep(5 * time.Second)
		m.Notify(incident("c", StateFiring, SeverityError))
		synctest.Wait()
		assert.Empty(t, to.got())
		assert.Len(t, other.got(), 1)
		time.Sleep(6 * time.Second)
		m.Notify(incident("a", StateResolved, SeverityError))
		synctest.Wait()
		require.Equal(t, [][]Change{{ChangeOpened, ChangeOpened, ChangeOpened}}, to.changes(t))
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.Equal(t, [][]Change{{ChangeOpened, ChangeOpened, ChangeOpened}, {ChangeResolved}}, to.changes(t))
	})
}

func TestDeadLetters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		code := http.StatusBadRequest
		to := &endpoint{answer: func(int) (int, string) { return code, "" }}
		m := start(t, NewJournal(), func(o *Options) { o.QueueBytes = 4 << 10 }, webhookTo(to))
		m.Notify(incident("refused", StateFiring, SeverityError))
		synctest.Wait()
		assert.Equal(t, map[DeadLetters]uint64{{"ops", "rejected"}: 1}, m.DeadLetters())
		dropped := m.logs.FilterMessage("notification dropped").All()
		require.Len(t, dropped, 1)
		assert.Contains(t, dropped[0].ContextMap()["error"], "answered 400")
		assert.NotContains(t, dropped[0].ContextMap()["error"], "SECRET")

		code = http.StatusInternalServerError
		for range 20 {
			m.Notify(incident("a", StateFiring, SeverityError), incident("a", StateResolved, SeverityError))
		}
		assert.Positive(t, m.DeadLetters()[DeadLetters{"ops", "queue_full"}])
		assert.LessOrEqual(t, m.Receivers()[0].QueuedBytes, int64(4<<10))
		queued := m.Receivers()[0].Queued
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		assert.EqualValues(t, queued, m.DeadLetters()[DeadLetters{"ops", "expired"}])
		m.Notify(incident("last", StateFiring, SeverityError))
		stop(m)
		m.Lost()
		assert.EqualValues(t, 1, m.DeadLetters()[DeadLetters{"ops", "shutdown"}])
	})
}

func TestWatchdogIsSentAllTheTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		to, am := &endpoint{}, &endpoint{}
		m := start(t, NewJournal(), func(o *Options) {
			o.Watchdog = Watchdog{Interval: time.Minute, Receivers: []string{"ops", "am"}}
		}, webhookTo(to), Receiver{Name: "am", Kind: KindAlertmanager, URL: "http://am/api/v2/alerts", Client: &http.Client{Transport: am}})
		time.Sleep(150 * time.Second)
		synctest.Wait()
		stop(m)
		require.Len(t, to.got(), 3)
		assert.Contains(t, to.got()[0], `"kind":"watchdog"`)
		require.Len(t, am.got(), 3)
		assert.Contains(t, am.got()[0], `"alertname":"Watchdog"`)
		time.Sleep(time.Hour)
		assert.Len(t, to.got(), 3, "it stops with the manager")
	})
}

func TestErrorsHideTheURL(t *testing.T) {
	client := &http.Client{Transport: roundTripper(func(*http.Request) (*http.Response, error) {
		return nil, errors.New("no route to " + secretURL)
	})}
	r := newReceiver(Receiver{Kind: KindSlack, URL: secretURL, Client: client})
	err := r.post(t.Context(), nil, "id", "1")
	require.Error(t, err)
	assert.NotContains(t, err.Error(), "SECRET")
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
