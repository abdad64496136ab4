// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package dial

import (
	"time"

	"github.com/tapio/tapio/cmd/tapioctl/internal/selector"
)

// Flags hold for every command.
type Flags struct {
	Server        string
	Target        string // for gRPC, where Server is not an address; the connection is then encrypted by other means
	TLS           bool
	TLSCACert     string
	TLSCert       string
	TLSKey        string
	TLSServerName string
	Token         string
	User          string
	Password      string // never a flag: others can read a command line
	Timeout       time.Duration
	TimeZone      string
	Color         selector.Choice
	ConfigFile    string
}
