// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package probe

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"go.opentelemetry.io/collector/receiver/receivertest"

	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/emit"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/identity"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/kernel"
)

// Whatever a program may send, or a mistake in one, a decoder answers with
// records or with an error.
func FuzzDecode(f *testing.F) {
	config := DefaultConfig()
	config.File.Paths = []string{"/"}
	probes := map[kernel.Number]Probe{}
	for _, p := range New(&config, receivertest.NewNopSettings(receivertest.NopType)) {
		probes[p.Number()] = p
	}
	for n := range kernel.Numbers {
		for kind := range 8 {
			record := make([]byte, 256)
			binary.LittleEndian.PutUint32(record, uint32(n<<8|kind))
			f.Add(record)
		}
	}
	batch := emit.NewBatch(emit.Origin{}, identity.NewTable(f.TempDir()))
	batch.Now = time.Unix(0, 0)
	f.Fuzz(func(t *testing.T, record []byte) {
		kind, number, err := kernel.KindOf(record)
		if err != nil || probes[number] == nil {
			return
		}
		if probes[number].Decode(kind, record, batch) != nil {
			return
		}
		require.LessOrEqual(t, batch.Logs.LogRecordCount()+batch.Traces.SpanCount(), 2)
		batch.Reset()
	})
}
