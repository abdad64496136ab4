// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package ebpfreceiver

import (
	"os"
	"strings"

	"go.opentelemetry.io/collector/receiver"

	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/emit"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/metadata"
)

func origin(set receiver.Settings) emit.Origin {
	name, err := os.Hostname()
	if err != nil {
		name = ""
	}
	id, err := os.ReadFile("/etc/machine-id")
	if err != nil {
		id = nil
	}
	return emit.Origin{
		HostName: name, HostID: strings.TrimSpace(string(id)), Scope: metadata.ScopeName, Version: set.BuildInfo.Version,
	}
}
