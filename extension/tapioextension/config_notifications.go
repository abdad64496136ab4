// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapioextension

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/config/configretry"
	"go.opentelemetry.io/collector/confmap"

	"github.com/tapio/tapio/extension/tapioextension/internal/notify"
)

// NotificationsConfig sets who is notified of incidents, alerts and exhausted error budgets.
type NotificationsConfig struct {
	// Receivers are the destinations of notifications. Without one nothing is sent.
	Receivers []ReceiverConfig `mapstructure:"receivers"`
	// Routes assign alerts to receivers; the first route that matches applies. Without one every receiver
	// gets all alerts.
	Routes []RouteConfig `mapstructure:"routes"`
	// GroupBy, GroupWait and GroupInterval hold for routes that do not set them.
	GroupConfig `mapstructure:",squash"`
	// Runbooks link alerts to pages with instructions; the first that matches applies.
	Runbooks []RunbookConfig `mapstructure:"runbooks"`
	// Watchdog is a message that is sent at regular intervals, so that its absence shows that Tapio is
	// down.
	Watchdog WatchdogConfig `mapstructure:"watchdog"`
	// Retry configures how failed messages are sent again: first after 1s, later every 1m, for at most 1h
	// by default.
	Retry configretry.BackOffConfig `mapstructure:"retry"`
	// QueueSize is the size of the messages that wait for one receiver. When it is full the oldest message
	// is dropped. Accepted: 64KiB or more.
	QueueSize ByteSize `mapstructure:"queue_size"`
	// ResolveTimeout is the time after a restart at which an alert without new state is resolved.
	// Accepted: 1m or more.
	ResolveTimeout time.Duration `mapstructure:"resolve_timeout"`
}

// GroupConfig says which alerts go in one message.
type GroupConfig struct {
	// GroupBy lists labels: alerts with the same values are sent in one message. Without one each alert is
	// sent separately and at once.
	GroupBy []string `mapstructure:"group_by"`
	// GroupWait is the time that the first message of a group waits for more alerts. Accepted: 0 or more.
	GroupWait time.Duration `mapstructure:"group_wait"`
	// GroupInterval is the time between two messages of a group. Accepted: 0 or more.
	GroupInterval time.Duration `mapstructure:"group_interval"`
}

// RouteConfig says which receivers get which alerts.
type RouteConfig struct {
	// Severity lists severities, of which the alert must have one.
	Severity []string `mapstructure:"severity"`
	// Matchers are conditions on labels, such as `service="checkout"`, with the operators =, !=, =~ and
	// !~. All must match.
	Matchers []string `mapstructure:"matchers"`
	// Receivers are the names of receivers; with none the alerts are sent to no one.
	Receivers []string `mapstructure:"receivers"`
	// Continue also evaluates the routes after this one.
	Continue    bool `mapstructure:"continue"`
	GroupConfig `mapstructure:",squash"`
}

// RunbookConfig ties alerts to a page. What is set must hold.
type RunbookConfig struct {
	// Rule is the name of an alerting rule or burn alert. All conditions that are set must match.
	Rule string `mapstructure:"rule"`
	// Service is a service.name.
	Service string `mapstructure:"service"`
	// CauseType is the type of the cause of an incident.
	CauseType string `mapstructure:"cause_type"`
	// URL is the page, shown in notifications and among the actions of incidents. Required.
	URL string `mapstructure:"url"`
}

// WatchdogConfig says who gets the message that stays away when Tapio does not run.
type WatchdogConfig struct {
	// Receivers are the names of webhooks and Alertmanagers.
	Receivers []string `mapstructure:"receivers"`
	// Interval is the time between two messages. Accepted: 1s or more.
	Interval time.Duration `mapstructure:"interval"`
}

const (
	minQueueSize      ByteSize = 64 << 10
	minResolveTimeout          = time.Minute
	minWatchdog                = time.Second
)

func defaultNotifications() NotificationsConfig {
	retry := configretry.NewDefaultBackOffConfig()
	retry.InitialInterval, retry.MaxInterval, retry.MaxElapsedTime = time.Second, time.Minute, time.Hour
	return NotificationsConfig{
		GroupConfig:    GroupConfig{GroupWait: 10 * time.Second, GroupInterval: time.Minute},
		Watchdog:       WatchdogConfig{Interval: time.Minute},
		Retry:          retry,
		QueueSize:      4 << 20,
		ResolveTimeout: time.Hour,
	}
}

// Unmarshal takes what the section as a whole says for what a route leaves open.
func (c *NotificationsConfig) Unmarshal(conf *confmap.Conf) error {
	if err := conf.Unmarshal(c); err != nil {
		return err
	}
	for i := range c.Routes {
		route := &c.Routes[i].GroupConfig
		if route.GroupBy == nil {
			route.GroupBy = c.GroupBy
		}
		if route.GroupWait == 0 {
			route.GroupWait = c.GroupWait
		}
		if route.GroupInterval == 0 {
			route.GroupInterval = c.GroupInterval
		}
	}
	return nil
}

// Validate checks what the types of the receivers cannot.
func (c *NotificationsConfig) Validate() error {
	errs := []error{
		atLeastSize("queue_size", c.QueueSize, minQueueSize),
		atLeastTime("resolve_timeout", c.ResolveTimeout, minResolveTimeout),
		c.check(""),
		c.checkWatchdog(),
	}
	seen := map[string]bool{}
	for i := range c.Receivers {
		if name := c.Receivers[i].Name; seen[name] {
			errs = append(errs, fmt.Errorf("receivers::%d::name: %q is the name of another receiver: each needs its own", i, name))
		} else {
			seen[name] = true
		}
	}
	for i := range c.Routes {
		errs = append(errs, c.checkNames(fmt.Sprintf("routes::%d::receivers", i), c.Routes[i].Receivers))
		_, err := c.Routes[i].matchers(fmt.Sprintf("routes::%d::", i))
		errs = append(errs, err, c.Routes[i].check(fmt.Sprintf("routes::%d::", i)))
	}
	return errors.Join(errs...)
}

func (c *GroupConfig) check(prefix string) error {
	for _, one := range []struct {
		key   string
		value time.Duration
	}{{"group_wait", c.GroupWait}, {"group_interval", c.GroupInterval}} {
		if one.value < 0 || one.value > 0 && one.value < minDuration {
			return fmt.Errorf("%s%s: must be %s or more, is %s: write a number with its unit, for example 10s", prefix, one.key, minDuration, one.value)
		}
	}
	return nil
}

func (c *NotificationsConfig) checkNames(key string, names []string) error {
	for _, name := range names {
		if !slices.ContainsFunc(c.Receivers, func(r ReceiverConfig) bool { return r.Name == name }) {
			return fmt.Errorf("%s: there is no receiver %q: name one of notifications::receivers (%s)", key, name, strings.Join(c.names(), ", "))
		}
	}
	return nil
}

func (c *NotificationsConfig) names() []string {
	var names []string
	for i := range c.Receivers {
		names = append(names, c.Receivers[i].Name)
	}
	return names
}

func (c *NotificationsConfig) checkWatchdog() error {
	if err := c.checkNames("watchdog::receivers", c.Watchdog.Receivers); err != nil {
		return err
	}
	for i := range c.Receivers {
		r := &c.Receivers[i]
		if slices.Contains(c.Watchdog.Receivers, r.Name) && r.Webhook == nil && r.Alertmanager == nil {
			return fmt.Errorf("watchdog::receivers: %q would page all the time: name a receiver of kind webhook or alertmanager", r.Name)
		}
	}
	return atLeastTime("watchdog::interval", c.Watchdog.Interval, minWatchdog)
}

// Validate checks that there is a page, and something that leads to it.
func (c *RunbookConfig) Validate() error {
	if c.Rule == "" && c.Service == "" && c.CauseType == "" {
		return errors.New("rule, service or cause_type: one must be set, so that the runbook fits something")
	}
	return checkURL("url", c.URL)
}

func (c *RouteConfig) matchers(prefix string) ([]notify.Matcher, error) {
	var matchers []notify.Matcher
	for i, text := range c.Matchers {
		m, err := notify.ParseMatcher(text)
		if err != nil {
			return nil, fmt.Errorf("%smatchers::%d: %w", prefix, i, err)
		}
		matchers = append(matchers, m)
	}
	for _, severity := range c.Severity {
		if !slices.Contains(notify.Severities(), notify.Severity(severity)) {
			return nil, fmt.Errorf("%sseverity: unknown severity %q: use info, warning, error or critical", prefix, severity)
		}
	}
	if len(c.Severity) > 0 {
		m, err := notify.NewMatcher("severity", notify.Matches, strings.Join(c.Severity, "|"))
		if err != nil {
			return nil, err
		}
		matchers = append(matchers, m)
	}
	return matchers, nil
}
