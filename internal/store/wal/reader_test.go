// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package wal

import (
	"bytes"
	"errors"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/store/disk"
)

// written is a file of three records.
func written(t testing.TB) []byte {
	t.Helper()
	m := newDisk(t)
	l := Start(options(m, true), nil)
	for first := uint64(1); first <= 3; first++ {
		require.NoError(t, appendRecord(l, 1, first))
	}
	require.NoError(t, l.Close())
	data, err := disk.ReadAll(m, filepath.Join(folder, FileName(1)), 1<<30)
	require.NoError(t, err)
	return data
}

func firstsOf(data []byte) (firsts []uint64, err error) {
	err = Read(data, func(h Header, _ []byte) error {
		firsts = append(firsts, h.First)
		return nil
	})
	return firsts, err
}

// No flipped bit goes unnoticed, and none takes a record that it is not in.
func TestEveryFlippedBitIsNoticed(t *testing.T) {
	whole := written(t)
	record := (len(whole) - fileHeaderBytes) / 3
	for bit := range 8 * len(whole) {
		data := slices.Clone(whole)
		data[bit/8] ^= 1 << (bit % 8)
		firsts, err := firstsOf(data)
		require.Error(t, err, "bit %d", bit)
		if bit/8 < fileHeaderBytes {
			require.Empty(t, firsts)
			continue
		}
		damaged := uint64((bit/8-fileHeaderBytes)/record) + 1
		want := slices.DeleteFunc([]uint64{1, 2, 3}, func(first uint64) bool { return first == damaged })
		require.Equal(t, want, firsts, "bit %d", bit)
		var damage *Damage
		require.ErrorAs(t, err, &damage)
		require.EqualValues(t, record, damage.Bytes)
		require.Equal(t, damaged == 3, damage.Torn)
	}
}

// A file may be cut anywhere.
func TestATornTailIsNoticed(t *testing.T) {
	whole := written(t)
	record := (len(whole) - fileHeaderBytes) / 3
	for cut := range len(whole) {
		firsts, err := firstsOf(whole[:cut])
		if cut >= fileHeaderBytes {
			require.Len(t, firsts, (cut-fileHeaderBytes)/record)
			if (cut-fileHeaderBytes)%record == 0 {
				require.NoError(t, err)
				continue
			}
		}
		if cut == 0 {
			require.NoError(t, err)
			continue
		}
		var damage *Damage
		require.ErrorAs(t, err, &damage, "cut at %d", cut)
		require.True(t, damage.Torn)
	}
}

// A record within a text is none: it lacks the marker of the file.
func TestARecordWithinAPayloadIsNone(t *testing.T) {
	m := newDisk(t)
	l := Start(options(m, true), nil)
	inner := written(t)
	ticket, err := l.Append(Header{Count: 1, First: 9}, inner)
	require.NoError(t, err)
	require.NoError(t, ticket.Wait())
	require.NoError(t, l.Close())
	data, err := disk.ReadAll(m, filepath.Join(folder, FileName(1)), 1<<30)
	require.NoError(t, err)
	data[fileHeaderBytes+2] ^= 1
	firsts, err := firstsOf(data)
	require.Error(t, err)
	assert.Empty(t, firsts)
}

func TestAnotherVersionIsNamed(t *testing.T) {
	data := written(t)
	data[8]++
	copy(data[fileHeaderBytes-4:], le32(Checksum(data[:fileHeaderBytes-4])))
	_, err := firstsOf(data)
	require.True(t, IsVersion(err))
	require.ErrorContains(t, err, "format version 2")
}

func le32(v uint32) []byte { return []byte{byte(v), byte(v >> 8), byte(v >> 16), byte(v >> 24)} }

func FuzzRead(f *testing.F) {
	whole := written(f)
	f.Add(whole)
	f.Add(whole[:len(whole)-5])
	f.Add(bytes.Repeat(whole, 2))
	f.Fuzz(func(t *testing.T, data []byte) {
		total := 0
		err := Read(data, func(_ Header, payload []byte) error {
			total += headerBytes + len(payload)
			return nil
		})
		var damage *Damage
		if errors.As(err, &damage) {
			total += int(damage.Bytes)
		}
		if total > len(data) {
			t.Fatalf("read %d bytes of %d", total, len(data))
		}
	})
}
