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
	// Objectives are those that are wanted.
	Objectives []ObjectiveConfig `mapstructure:"objectives"`
	// Window is the time that an error budget is for: 1 h to 2160 h (90 days), 720 h (30
	// days) by default.
	Window time.Duration `mapstructure:"window"`
	// BurnAlerts say when a budget burns too fast; those of the SRE workbook by default.
	BurnAlerts []BurnAlertConfig `mapstructure:"burn_alerts"`
	// MinFailures is how many requests must be bad in the long window of a burn alert:
	// 1 or more, 10 by default.
	MinFailures int `mapstructure:"min_failures"`
	// Automatic learns objectives for operations that have none.
	Automatic AutomaticConfig `mapstructure:"automatic"`
	// MemoryLimit bounds the counts: 1 MiB or more, 16 MiB by default. An objective of a
	// service takes 26 KiB.
	MemoryLimit ByteSize `mapstructure:"memory_limit"`
}

// ObjectiveConfig is a target for the requests to a service: for their availability,
// their latency, or both.
type ObjectiveConfig struct {
	Name      string `mapstructure:"name"`
	Namespace string `mapstructure:"namespace"`
	// Service is a service.name, or * for each service.
	Service string `mapstructure:"service"`
	// Operation is the name of entry spans, with a trailing * for any ending; empty: all.
	Operation    string              `mapstructure:"operation"`
	Availability *AvailabilityConfig `mapstructure:"availability"`
	Latency      *LatencyConfig      `mapstructure:"latency"`
	// Window is the time that the error budget is for; empty: that of all.
	Window time.Duration `mapstructure:"window"`
}

// AvailabilityConfig is a target for requests that do not fail.
type AvailabilityConfig struct {
	// Target is in percent, for example 99.9.
	Target float64 `mapstructure:"target"`
}

// LatencyConfig is a target for requests that are fast, of those that do not fail.
type LatencyConfig struct {
	// Target is in percent, for example 99.
	Target float64 `mapstructure:"target"`
	// Threshold is the longest duration that is good.
	Threshold time.Duration `mapstructure:"threshold"`
}

// BurnAlertConfig says when a budget burns too fast.
type BurnAlertConfig struct {
	Name        string        `mapstructure:"name"`
	LongWindow  time.Duration `mapstructure:"long_window"`
	ShortWindow time.Duration `mapstructure:"short_window"`
	// Factor is how many times as fast as the window allows.
	Factor float64 `mapstructure:"factor"`
	// Page is for what someone must act on at once.
	Page bool `mapstructure:"page"`
}

// AutomaticConfig says how objectives are learned.
type AutomaticConfig struct {
	Enabled bool `mapstructure:"enabled"`
	// BurnAlerts also reports burning of learned objectives, false by default.
	BurnAlerts bool `mapstructure:"burn_alerts"`
	// After is how long an operation is watched first, 1 h by default.
	After time.Duration `mapstructure:"after"`
	// MinRequests is how many of its requests must have come, 1,000 by default.
	MinRequests int `mapstructure:"min_requests"`
	// MaxObjectives bounds how many are learned, 200 by default.
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
