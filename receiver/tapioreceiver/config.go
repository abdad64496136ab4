// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapioreceiver

import (
	"errors"

	"go.opentelemetry.io/collector/component"
)

// Config is the configuration of the tapio receiver.
type Config struct {
	// Extension is the id of the tapio extension that serves the API, tapio by
	// default. One receiver takes one extension's events.
	Extension component.ID `mapstructure:"extension"`

	// Scrape names programs whose profiles are fetched, for a profiles pipeline.
	Scrape ScrapeConfig `mapstructure:"scrape"`
}

var _ component.Config = (*Config)(nil)

// Validate checks that an extension is named.
func (c *Config) Validate() error {
	if c.Extension == (component.ID{}) {
		return errors.New("extension: must not be empty: write `extension: tapio`")
	}
	return nil
}
