// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapioexporter

import (
	"errors"

	"go.opentelemetry.io/collector/component"
)

// Config is the configuration of the tapio exporter.
type Config struct {
	// Extension is the id of the tapio extension whose store is written. One exporter writes to a store:
	// use the same one in all pipelines.
	Extension component.ID `mapstructure:"extension"`
}

var _ component.Config = (*Config)(nil)

// Validate checks that an extension is named.
func (c *Config) Validate() error {
	if c.Extension == (component.ID{}) {
		return errors.New("extension: must not be empty: write `extension: tapio`")
	}
	return nil
}
