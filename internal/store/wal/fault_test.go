// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package wal

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A log that cannot be written refuses, and works again when it can.
func TestAFullDiskRefuses(t *testing.T) {
	for _, sync := range []bool{true, false} {
		t.Run(fmt.Sprint("sync ", sync), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m, r := newDisk(t), &troubles{}
				o := options(m, sync)
				o.Report = r.report
				l := Start(o, nil)
				require.NoError(t, appendRecord(l, 0, 1))
				time.Sleep(time.Second)
				m.SetCapacity(100)
				for first := uint64(2); first <= 5; first++ {
					err := appendRecord(l, 0, first)
					assert.Equal(t, sync, err != nil, "who does not wait is not stopped")
					time.Sleep(time.Second)
				}
				assert.True(t, l.Stats().Failing)
				assert.EqualValues(t, 4, l.Stats().Dropped)
				require.Len(t, r.list, 1)
				require.ErrorContains(t, r.list[0], "no space left")

				m.SetCapacity(0)
				time.Sleep(time.Second)
				require.NoError(t, appendRecord(l, 0, 6))
				time.Sleep(time.Second)
				assert.False(t, l.Stats().Failing)
				assert.Equal(t, []error{r.list[0], nil}, r.list)
				firsts, damages := found(t, m.PowerLoss())
				assert.Equal(t, []uint64{1, 6}, firsts)
				assert.Empty(t, damages, "no half record is left")
				require.NoError(t, l.Close())
			})
		})
	}
}

// What a failed sync left in doubt is neither acknowledged nor found again.
func TestAFailedSyncRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newDisk(t)
		l := Start(options(m, true), nil)
		require.NoError(t, appendRecord(l, 0, 1))
		broken := errors.New("input/output error")
		m.SetFault(func(op, _ string) error {
			if op == "Sync" {
				return broken
			}
			return nil
		})
		require.ErrorIs(t, appendRecord(l, 0, 2), broken)
		m.SetFault(nil)
		time.Sleep(time.Second)
		require.NoError(t, appendRecord(l, 0, 3))
		firsts, damages := found(t, m.PowerLoss())
		assert.Equal(t, []uint64{1, 3}, firsts)
		assert.Empty(t, damages)
		require.NoError(t, l.Close())
	})
}

// A folder that is removed takes the file along that is written.
func TestARemovedFileRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newDisk(t)
		l := Start(options(m, true), nil)
		require.NoError(t, appendRecord(l, 0, 1))
		m.RemoveAll(folder)
		require.ErrorIs(t, appendRecord(l, 0, 2), errGone)
		require.NoError(t, m.MkdirAll(folder))
		time.Sleep(time.Second)
		require.NoError(t, appendRecord(l, 0, 3))
		firsts, _ := found(t, m.PowerLoss())
		assert.Equal(t, []uint64{3}, firsts)
		require.NoError(t, l.Close())
	})
}
