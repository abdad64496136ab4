// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func FuzzSegmentFile(f *testing.F) {
	l := newLog(eventSignal(), newPacker(), time.Now)
	l.setLimits(64*mebibyte, 0)
	l.append(richEvents(rand.New(rand.NewPCG(7, 7)), 600))
	l.directory = &directory{wake: make(chan struct{}, 1)}
	l.sealAll()
	var whole strings.Builder
	_, err := l.pending().writeTo(&whole)
	require.NoError(f, err)
	f.Add([]byte(whole.String()))
	f.Add([]byte(whole.String()[:100]))
	f.Fuzz(func(_ *testing.T, data []byte) {
		into := newLog(eventSignal(), l.packer, time.Now)
		into.setLimits(64*mebibyte, 0)
		r := bytes.NewReader(data)
		h, err := readHeader(r)
		if err != nil {
			return
		}
		if _, err := into.restore(&h, r); err == nil {
			views, _ := into.views()
			for i := range views {
				views[i].row(0)
			}
		}
	})
}
