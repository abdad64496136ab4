// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"path/filepath"

	"github.com/tapio/tapio/internal/store/disk"
	"github.com/tapio/tapio/internal/store/segmentfile"
)

const (
	// reserveAhead is how many sequences the state is ahead of those given. After a
	// crash the store goes on behind them, so that none is given twice.
	reserveAhead = 1 << 20
	// reserveAgain is how many may be left before it is written again.
	reserveAgain = reserveAhead / 2
	// maxStateBytes is more than a state has.
	maxStateBytes = 1 << 16
)

// acquire locks the directory against other processes.
func (d *directory) acquire() error {
	lock, err := d.fs.Lock(filepath.Join(d.path, lockName))
	var locked *disk.LockedError
	switch {
	case errors.As(err, &locked):
		return fmt.Errorf("store::directory: %s %w: give each store a directory of its own", d.path, err)
	case err != nil:
		return fmt.Errorf("store::directory: %w: name a directory on a local disk that this process may write", err)
	}
	d.lock = lock
	return nil
}

// state is what the files of the chunks do not contain.
type state struct {
	Version int               `json:"version"`
	Epoch   uint64            `json:"epoch,string"`
	Clean   bool              `json:"clean"` // everything up to Last is in files
	Last    map[string]uint64 `json:"last"`  // by signal: of all sequences given, not less
	// Durability is that of the store that wrote the state.
	Durability string `json:"durability,omitempty"`
	// Sum is the CRC-32C of the state without it, in hex; versions before 4 have none.
	Sum string `json:"crc32c,omitempty"`
}

// stateVersion is the format of the state. Versions before 4 were those of segments.
const stateVersion = 4

// encode returns the bytes of a state. There is one way only to write it, so that a
// reader notices whatever was changed.
func (s state) encode() ([]byte, error) {
	s.Sum = ""
	data, err := json.Marshal(s)
	if err != nil || s.Version < stateVersion {
		return append(data, '\n'), err
	}
	s.Sum = fmt.Sprintf("%08x", segmentfile.Checksum(data))
	data, err = json.Marshal(s)
	return append(data, '\n'), err
}

func (d *directory) writeState(clean bool) error {
	s := state{Version: stateVersion, Epoch: d.epoch, Clean: clean, Last: map[string]uint64{}, Durability: d.ahead.durability.String()}
	for _, l := range d.logs {
		s.Last[l.name()] = l.newest()
		if !clean {
			s.Last[l.name()] += reserveAhead
		}
	}
	_, err := disk.Replace(d.fs, filepath.Join(d.path, stateName), func(w io.Writer) (int64, error) {
		data, err := s.encode()
		if err != nil {
			return 0, err
		}
		n, err := w.Write(data)
		return int64(n), err
	})
	if err == nil {
		d.reserved = s.Last
		for _, l := range d.logs {
			d.seen.Reserve(l.Place(), s.Last[l.name()])
		}
		if clean {
			clear(d.reserved) // what is written next must be reserved first
		}
	}
	return err
}

// reserve keeps the state ahead of the sequences.
func (d *directory) reserve() error {
	for _, l := range d.logs {
		if l.newest()+reserveAgain > d.reserved[l.name()] {
			return d.writeState(false)
		}
	}
	return nil
}

// readState returns the state that the directory was left in; nil for a new one,
// or for one whose state is lost.
func (d *directory) readState() (*state, error) {
	data, err := disk.ReadAll(d.fs, filepath.Join(d.path, stateName), maxStateBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil //nolint:nilnil // no state is no fault
	}
	if err != nil {
		return nil, err
	}
	s, err := decodeState(data)
	if errors.Is(err, errNewer) {
		return nil, err
	}
	if err != nil {
		d.setAside(stateName, fmt.Errorf("the state is damaged, so that page tokens of before are refused: %w", err))
		return nil, nil //nolint:nilnil // as above
	}
	return s, nil
}

var (
	errNewer = errors.New("the directory was written by a newer release")
	errState = errors.New("it does not have the checksum it was written with")
)

func decodeState(data []byte) (*state, error) {
	var s state
	if err := json.Unmarshal(data, &s); err != nil {
		return nil, err
	}
	again, err := s.encode()
	switch {
	case err != nil:
		return nil, err
	case !bytes.Equal(again, data):
		return nil, errState
	case s.Version > stateVersion:
		return nil, fmt.Errorf("%w: its format is version %d, this server reads %d to %d: start that release, or name another directory",
			errNewer, s.Version, segmentfile.FirstFileVersion, stateVersion)
	case s.Version < segmentfile.FirstFileVersion || s.Epoch == 0:
		return nil, errState
	}
	return &s, nil
}

func newEpoch() uint64 { return rand.Uint64() | 1 } // never 0: a zero cursor means the first page
