// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package ebpfreceiver

import (
	"sync/atomic"

	"github.com/tapio/tapio/internal/ingestcontrol"
)

// gate is the ingestion control of one signal, and counts what the pipeline
// behind it refuses.
type gate struct {
	*ingestcontrol.Gate
	refused atomic.Uint64
}

func newGate(c ingestcontrol.Config) *gate { return &gate{Gate: ingestcontrol.NewGate(c)} }

// refuse counts what a pipeline did not take.
func (g *gate) refuse(n int, err error) error {
	if err != nil {
		g.refused.Add(uint64(n))
	}
	return err
}
