// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapioreceiver

import (
	"errors"

	"go.opentelemetry.io/collector/component"
)

// Config is the configuration of the tapio receiver.
type Config struct {
	// Extension is the id of the tapio extension that serves the API. One receiver serves one extension.
	Extension component.ID `mapstructure:"extension"`

	// Scrape fetches profiles from net/http/pprof endpoints, for a profiles pipeline.
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
