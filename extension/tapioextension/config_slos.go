// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapioextension

import (
	"errors"
	"fmt"
	"time"

	"github.com/tapio/tapio/extension/tapioextension/internal/slo"
)

// SLOsConfig says what share of requests is to be good, and when it is reported that
// too many are not.
type SLOsConfig struct {
	// Objectives are the configured objectives.
	Objectives []ObjectiveConfig `mapstructure:"objectives"`
	// Window is the period of an error budget. Accepted: 1h to 2160h (90 days).
	Window time.Duration `mapstructure:"window"`
	// BurnAlerts define when an error budget burns too fast; by default the four of the SRE workbook.
	BurnAlerts []BurnAlertConfig `mapstructure:"burn_alerts"`
	// MinFailures is the number of bad requests in the long window below which no alert fires. Accepted: 1
	// or more.
	MinFailures int `mapstructure:"min_failures"`
	// Automatic learns objectives for operations that have none.
	Automatic AutomaticConfig `mapstructure:"automatic"`
	// MemoryLimit is the memory of the counts: 26 KiB for an objective of one service. Accepted: 1MiB or
	// more.
	MemoryLimit ByteSize `mapstructure:"memory_limit"`
}

// ObjectiveConfig is a target for the requests to a service: for their availability,
// their latency, or both.
type ObjectiveConfig struct {
	// Name identifies the objective. Required.
	Name string `mapstructure:"name"`
	// Namespace is a service.namespace; none matches all.
	Namespace string `mapstructure:"namespace"`
	// Service is a service.name, or `*` for every service. Required.
	Service string `mapstructure:"service"`
	// Operation is the name of entry spans; a trailing `*` matches any ending. None matches all.
	Operation string `mapstructure:"operation"`
	// Availability is a target for requests that succeed.
	Availability *AvailabilityConfig `mapstructure:"availability"`
	// Latency is a target for requests that are fast, among those that succeed.
	Latency *LatencyConfig `mapstructure:"latency"`
	// Window is the period of this error budget. Default: that of `slos`. Accepted: 1h to 2160h.
	Window time.Duration `mapstructure:"window"`
}

// AvailabilityConfig is a target for requests that do not fail.
type AvailabilityConfig struct {
	// Target is the percentage of good requests, for example 99.9. Accepted: above 0, below 100.
	Target float64 `mapstructure:"target"`
}

// LatencyConfig is a target for requests that are fast, of those that do not fail.
type LatencyConfig struct {
	// Target is the percentage of good requests, for example 99. Accepted: above 0, below 100.
	Target float64 `mapstructure:"target"`
	// Threshold is the longest duration of a good request. Accepted: 1us or more.
	Threshold time.Duration `mapstructure:"threshold"`
}

// BurnAlertConfig says when a budget burns too fast.
type BurnAlertConfig struct {
	// Name identifies the alert. Required.
	Name string `mapstructure:"name"`
	// LongWindow is the window that decides whether the alert fires. Accepted: short_window to 2160h.
	LongWindow time.Duration `mapstructure:"long_window"`
	// ShortWindow is the window that ends the alert soon after the problem ended. Accepted: 1m to long_window.
	ShortWindow time.Duration `mapstructure:"short_window"`
	// Factor is the burn rate from which the alert fires; 1 uses up the budget within its period.
	// Accepted: above 0.
	Factor float64 `mapstructure:"factor"`
	// Page marks the alert as one that needs immediate action.
	Page bool `mapstructure:"page"`
}

// AutomaticConfig says how objectives are learned.
type AutomaticConfig struct {
	// Enabled learns objectives.
	Enabled bool `mapstructure:"enabled"`
	// BurnAlerts also alerts on learned objectives.
	BurnAlerts bool `mapstructure:"burn_alerts"`
	// After is the time that an operation is observed first. Accepted: 1s or more.
	After time.Duration `mapstructure:"after"`
	// MinRequests is the number of requests that are observed first. Accepted: 1 or more.
	MinRequests int `mapstructure:"min_requests"`
	// MaxObjectives is the number of objectives that may be learned. Accepted: 0 or more.
	MaxObjectives int `mapstructure:"max_objectives"`
}

const (
	minSLOMemory ByteSize = 1 << 20
	minWindow             = time.Hour
	maxWindow             = 90 * 24 * time.Hour
)

func defaultSLOs() SLOsConfig {
	return SLOsConfig{
		Window: 30 * 24 * time.Hour, MinFailures: 10, MemoryLimit: 16 << 20,
		Automatic: AutomaticConfig{Enabled: true, After: time.Hour, MinRequests: 1000, MaxObjectives: 200},
	}
}

// Validate checks what all objectives share.
func (c *SLOsConfig) Validate() error {
	errs := []error{checkWindow("window", c.Window), atLeastSize("memory_limit", c.MemoryLimit, minSLOMemory)}
	if c.MinFailures < 1 {
		errs = append(errs, fmt.Errorf("min_failures: must be 1 or more, is %d", c.MinFailures))
	}
	seen := map[string]bool{}
	for i := range c.Objectives {
		if name := c.Objectives[i].Name; seen[name] {
			errs = append(errs, fmt.Errorf("objectives::%d::name: %q is the name of another objective: each needs its own", i, name))
		} else {
			seen[name] = true
		}
	}
	names := map[string]bool{}
	for i := range c.BurnAlerts {
		if name := c.BurnAlerts[i].Name; names[name] {
			errs = append(errs, fmt.Errorf("burn_alerts::%d::name: %q is the name of another alert: each needs its own", i, name))
		} else {
			names[name] = true
		}
	}
	return errors.Join(errs...)
}

func checkWindow(key string, window time.Duration) error {
	if window < minWindow || window > maxWindow {
		return fmt.Errorf("%s: must be %s to %s, is %s: write for example 720h for 30 days", key, minWindow, maxWindow, window)
	}
	return nil
}

// Validate checks one objective.
func (c *ObjectiveConfig) Validate() error {
	switch {
	case c.Name == "" || c.Name == slo.AutomaticName:
		return fmt.Errorf("name: must not be empty or %q, which is that of learned objectives", slo.AutomaticName)
	case c.Service == "":
		return errors.New("service: must not be empty: write a service.name, or * for each service")
	case c.Availability == nil && c.Latency == nil:
		return errors.New("availability or latency: one must be set, for example availability: {target: 99.9}")
	case c.Window != 0:
		return checkWindow("window", c.Window)
	}
	return nil
}

// Validate checks the target.
func (c *AvailabilityConfig) Validate() error { return checkTarget(c.Target) }

// Validate checks target and threshold.
func (c *LatencyConfig) Validate() error {
	return errors.Join(checkTarget(c.Target), atLeastTime("threshold", c.Threshold, time.Microsecond))
}

func checkTarget(target float64) error {
	if !(target > 0 && target < 100) {
		return fmt.Errorf("target: must be above 0 and below 100 (percent), is %g: write for example 99.9", target)
	}
	return nil
}

// Validate checks one burn alert.
func (c *BurnAlertConfig) Validate() error {
	switch {
	case c.Name == "":
		return errors.New("name: must not be empty: it identifies the alert")
	case !(c.Factor > 0):
		return fmt.Errorf("factor: must be above 0, is %g: write for example 14.4", c.Factor)
	case c.ShortWindow < time.Minute || c.LongWindow < c.ShortWindow || c.LongWindow > maxWindow:
		return fmt.Errorf("short_window and long_window: must be 1m to %s, the second not shorter than the first, are %s and %s",
			maxWindow, c.ShortWindow, c.LongWindow)
	}
	return nil
}

// Validate checks how objectives are learned.
func (c *AutomaticConfig) Validate() error {
	if c.MinRequests < 1 || c.MaxObjectives < 0 {
		return fmt.Errorf("min_requests and max_objectives: must be 1 or more and 0 or more, are %d and %d", c.MinRequests, c.MaxObjectives)
	}
	return atLeastTime("after", c.After, time.Second)
}

// objectives are those configured, one for each type.
func (c *SLOsConfig) objectives() []slo.Objective {
	var list []slo.Objective
	for i := range c.Objectives {
		o := &c.Objectives[i]
		base := slo.Objective{Name: o.Name, Namespace: o.Namespace, Service: o.Service, Operation: o.Operation, Window: o.Window}
		if base.Window == 0 {
			base.Window = c.Window
		}
		if o.Availability != nil {
			one := base
			one.Type, one.Target = slo.Availability, o.Availability.Target/100
			list = append(list, one)
		}
		if o.Latency != nil {
			one := base
			one.Type, one.Target, one.Threshold = slo.Latency, o.Latency.Target/100, o.Latency.Threshold
			list = append(list, one)
		}
	}
	return list
}

func (c *SLOsConfig) alerts() []slo.BurnAlert {
	if len(c.BurnAlerts) == 0 {
		return slo.DefaultBurnAlerts()
	}
	var list []slo.BurnAlert
	for _, a := range c.BurnAlerts {
		list = append(list, slo.BurnAlert{Name: a.Name, Long: a.LongWindow, Short: a.ShortWindow, Factor: a.Factor, Page: a.Page})
	}
	return list
}
