// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"fmt"
)

// TCPConfig is what to report of connections.
type TCPConfig struct {
	// Enabled runs the probe.
	Enabled bool `mapstructure:"enabled"`
	// ConnectionSpans creates a span for each connection when it closes.
	ConnectionSpans bool `mapstructure:"connection_spans"`
	// RetransmitBurst is the number of retransmits of one connection within a second that are reported as
	// an event. Accepted: 1 or more.
	RetransmitBurst uint32 `mapstructure:"retransmit_burst"`
}

// Validate checks that a burst can be one.
func (c *TCPConfig) Validate() error {
	if c.RetransmitBurst == 0 {
		return fmt.Errorf("retransmit_burst: must be 1 or more, is 0")
	}
	return nil
}

// DefaultTCPConfig leaves out what comes with each connection.
func DefaultTCPConfig() TCPConfig {
	return TCPConfig{Enabled: true, RetransmitBurst: 10}
}
