// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapioextension

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/tapio/tapio/extension/tapioextension/internal/notify"
)

// newNotifier makes what sends notifications, with what the journal holds.
func (e *tapioExtension) newNotifier(ctx context.Context, journal *notify.Journal) (*notify.Manager, error) {
	options, err := e.notifyOptions(ctx)
	if err != nil {
		return nil, fmt.Errorf("extensions::%s::notifications::%w", e.set.ID, err)
	}
	return notify.New(journal, options), nil
}

// startNotifier begins to send notifications of what is stored.
func (e *tapioExtension) startNotifier() {
	e.notifier.Start()
	if len(e.cfg.Notifications.Receivers)+len(e.cfg.Notifications.Runbooks) > 0 {
		e.notifier.Feed(e.store)
	}
}

func (e *tapioExtension) notifyOptions(ctx context.Context) (notify.Options, error) {
	cfg := &e.cfg.Notifications
	options := notify.Options{
		QueueBytes: int64(cfg.QueueSize), MaxAge: cfg.Retry.MaxElapsedTime, ResolveTimeout: cfg.ResolveTimeout,
		NoRetry: !cfg.Retry.Enabled,
		Backoff: notify.Backoff{
			Initial: cfg.Retry.InitialInterval, Max: cfg.Retry.MaxInterval,
			Multiplier: cfg.Retry.Multiplier, Randomization: cfg.Retry.RandomizationFactor,
		},
		Version: e.set.BuildInfo.Version, Logger: e.set.Logger, Now: time.Now, Panicked: e.panics.add,
	}
	for i := range cfg.Receivers {
		r, err := e.notifyReceiver(ctx, &cfg.Receivers[i])
		if err != nil {
			return options, fmt.Errorf("receivers::%d: %w", i, err)
		}
		options.Receivers = append(options.Receivers, r)
	}
	if e.shared != nil {
		options.Claims = e.shared
	}
	var err error
	options.Routes, err = cfg.routes()
	for _, r := range cfg.Runbooks {
		options.Runbooks = append(options.Runbooks, notify.Runbook{Rule: r.Rule, Service: r.Service, CauseType: r.CauseType, URL: r.URL})
	}
	if len(cfg.Watchdog.Receivers) > 0 {
		options.Watchdog = notify.Watchdog{Interval: cfg.Watchdog.Interval, Receivers: cfg.Watchdog.Receivers}
	}
	return options, err
}

// routes are those configured, or one to every receiver.
func (c *NotificationsConfig) routes() ([]notify.Route, error) {
	configured := c.Routes
	if len(configured) == 0 {
		configured = []RouteConfig{{Receivers: c.names(), GroupConfig: c.GroupConfig}}
	}
	var routes []notify.Route
	for i := range configured {
		one := &configured[i]
		matchers, err := one.matchers(fmt.Sprintf("routes::%d::", i))
		if err != nil {
			return nil, err
		}
		route := notify.Route{Matchers: matchers, Receivers: one.Receivers, Continue: one.Continue}
		if len(one.GroupBy) > 0 {
			route.GroupBy, route.GroupWait, route.GroupInterval = one.GroupBy, one.GroupWait, one.GroupInterval
		}
		routes = append(routes, route)
	}
	return routes, nil
}

func (e *tapioExtension) notifyReceiver(ctx context.Context, cfg *ReceiverConfig) (notify.Receiver, error) {
	r := notify.Receiver{Name: cfg.Name}
	server := cfg.server()
	r.URL = server.Endpoint
	if server.URL != "" {
		r.URL = string(server.URL)
	}
	switch {
	case cfg.Alertmanager != nil:
		r.Kind, r.Resend, r.URL = notify.KindAlertmanager, cfg.Alertmanager.ResendInterval, withPath(r.URL, alertmanagerPath)
	case cfg.PagerDuty != nil:
		r.Kind, r.RoutingKey, r.URL = notify.KindPagerDuty, string(cfg.PagerDuty.RoutingKey), withPath(r.URL, pagerDutyPath)
	case cfg.Slack != nil:
		r.Kind = notify.KindSlack
	default:
		r.Kind = notify.KindWebhook
	}
	telemetry := e.set.TelemetrySettings
	telemetry.TracerProvider = noop.NewTracerProvider() // spans would hold the URL, which may be a secret
	client, err := server.ToClient(ctx, e.host.GetExtensions(), telemetry)
	if err != nil {
		return r, err
	}
	// To follow one turns a POST into a GET, or sends secrets elsewhere.
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	r.Client = client
	return r, nil
}

func (c *ReceiverConfig) server() *HTTPReceiverConfig {
	switch {
	case c.Webhook != nil:
		return c.Webhook
	case c.Alertmanager != nil:
		return &c.Alertmanager.HTTPReceiverConfig
	case c.PagerDuty != nil:
		return &c.PagerDuty.HTTPReceiverConfig
	default:
		return c.Slack
	}
}

// withPath adds the path of an API to the address of a server, unless it is there.
func withPath(address, path string) string {
	parsed, err := url.Parse(address)
	if err != nil || strings.HasSuffix(parsed.Path, path) {
		return address // Validate has refused what is no URL
	}
	parsed.Path = strings.TrimSuffix(parsed.Path, "/") + path
	return parsed.String()
}

// dependencies are the extensions that requests to receivers need.
func (c *NotificationsConfig) dependencies() []component.ID {
	var ids []component.ID
	for i := range c.Receivers {
		server := c.Receivers[i].server()
		if server == nil {
			continue
		}
		if auth := server.Auth.Get(); auth != nil {
			ids = append(ids, auth.AuthenticatorID)
		}
		for _, m := range server.Middlewares {
			ids = append(ids, m.ID)
		}
	}
	slices.SortFunc(ids, func(a, b component.ID) int { return strings.Compare(a.String(), b.String()) })
	return slices.Compact(ids)
}
