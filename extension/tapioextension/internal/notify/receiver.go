// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// The kinds of receivers.
const (
	KindWebhook      = "webhook"
	KindAlertmanager = "alertmanager"
	KindPagerDuty    = "pagerduty"
	KindSlack        = "slack"
)

// Receiver is where notifications go.
type Receiver struct {
	Name   string
	Kind   string
	URL    string // complete; it may hold secrets
	Client *http.Client
	// RoutingKey is PagerDuty's integration key.
	RoutingKey string
	// Resend is how often Alertmanager gets firing alerts again, which it takes to be
	// over otherwise.
	Resend time.Duration
}

// receiver is a Receiver at work. The manager's lock guards it.
type receiver struct {
	Receiver
	queue       []*message // in the order of their creation
	bytes       int64
	wakeup      chan struct{}
	pausedUntil time.Time            // as the receiver asked for
	lastSent    map[string]time.Time // by group
	sent        uint64
	failed      uint64
	lastErr     error
}

func newReceiver(r Receiver) *receiver {
	return &receiver{Receiver: r, wakeup: make(chan struct{}, 1), lastSent: map[string]time.Time{}}
}

// single reports whether a request takes one alert only.
func (r *receiver) single() bool { return r.Kind == KindPagerDuty }

func (r *receiver) wake() {
	select {
	case r.wakeup <- struct{}{}:
	default: // it will look anyway
	}
}

// maxGroups bounds the groups whose last message is remembered.
const maxGroups = 10_000

func (r *receiver) noteSent(group string, now time.Time) {
	if len(r.lastSent) >= maxGroups {
		clear(r.lastSent)
	}
	r.lastSent[group] = now
}

// rejectedError says that a message will never be taken.
type rejectedError struct {
	reason string
	err    error
}

func (e *rejectedError) Error() string { return e.err.Error() }
func (e *rejectedError) Unwrap() error { return e.err }

// busyError says that a message is to be sent again, and when if the receiver asked
// for a time.
type busyError struct {
	after time.Duration
	err   error
}

func (e *busyError) Error() string { return e.err.Error() }
func (e *busyError) Unwrap() error { return e.err }

// send makes the request for a message.
func (r *receiver) send(ctx context.Context, msg *message, version string, now time.Time) error {
	body, err := r.body(msg, version, now)
	if err != nil {
		return &rejectedError{"encoding", err}
	}
	return r.post(ctx, body, msg.ID, version)
}

func (r *receiver) body(msg *message, version string, now time.Time) ([]byte, error) {
	switch r.Kind {
	case KindAlertmanager:
		return alertmanagerBody(msg, r.Resend, now)
	case KindPagerDuty:
		return pagerDutyBody(msg, r.RoutingKey)
	case KindSlack:
		return slackBody(msg)
	default:
		return webhookBody(msg, version, now)
	}
}

// maxAnswer is how much of an answer is read, maxReason how much of it is reported.
const (
	maxAnswer = 4 << 10
	maxReason = 200
)

func (r *receiver) post(ctx context.Context, body []byte, id, version string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, r.URL, bytes.NewReader(body))
	if err != nil {
		return &rejectedError{"encoding", r.redact(err)}
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "tapio/"+version)
	request.Header.Set("Idempotency-Key", id)
	response, err := r.Client.Do(request)
	if err != nil {
		return &busyError{err: r.redact(err)}
	}
	defer response.Body.Close()
	answer, _ := io.ReadAll(io.LimitReader(response.Body, maxAnswer)) // it only explains the status
	return r.outcome(response, answer)
}

func (r *receiver) outcome(response *http.Response, answer []byte) error {
	code := response.StatusCode
	if code >= 200 && code < 300 {
		return nil
	}
	reason := r.hide(strings.Join(strings.Fields(strings.ToValidUTF8(string(answer), "")), " "))
	err := fmt.Errorf("the receiver answered %d %s: %s", code, http.StatusText(code), cut(reason, maxReason))
	switch {
	case code >= 500, code == http.StatusRequestTimeout, code == http.StatusTooEarly, code == http.StatusTooManyRequests:
		return &busyError{after: retryAfter(response.Header.Get("Retry-After"), time.Now()), err: err}
	default:
		return &rejectedError{"rejected", err}
	}
}

// maxPause bounds what a receiver may ask for.
const maxPause = time.Hour

// retryAfter reads seconds or a date, 0 for neither.
func retryAfter(text string, now time.Time) time.Duration {
	if seconds, err := strconv.Atoi(strings.TrimSpace(text)); err == nil {
		return min(max(time.Duration(seconds), 0)*time.Second, maxPause)
	}
	if at, err := http.ParseTime(text); err == nil {
		return min(max(at.Sub(now), 0), maxPause)
	}
	return 0
}

// redact leaves the URL out of an error: it may hold secrets.
func (r *receiver) redact(err error) error {
	var inURL *url.Error
	if errors.As(err, &inURL) {
		err = inURL.Err
	}
	return errors.New(r.hide(err.Error()))
}

// hide replaces what is secret in a text.
func (r *receiver) hide(text string) string {
	for _, secret := range r.secrets() {
		text = strings.ReplaceAll(text, secret, "[redacted]")
	}
	return text
}

func (r *receiver) secrets() []string {
	secrets := []string{r.URL}
	if r.RoutingKey != "" {
		secrets = append(secrets, r.RoutingKey)
	}
	parsed, err := url.Parse(r.URL)
	if err != nil {
		return secrets
	}
	if password, set := parsed.User.Password(); set && password != "" {
		secrets = append(secrets, password)
	}
	if parsed.RawQuery != "" {
		secrets = append(secrets, parsed.RawQuery)
	}
	if len(parsed.Path) > 1 {
		secrets = append(secrets, parsed.Path)
	}
	return secrets
}
