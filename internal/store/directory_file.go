// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

const (
	// reserveAhead is how many sequences the state is ahead of those given. After a
	// crash the store goes on behind them, so that none is given twice.
	reserveAhead = 1 << 20
	// reserveAgain is how many may be left before it is written anew.
	reserveAgain = reserveAhead / 2
)

// acquire locks the directory against other processes.
func (d *directory) acquire() error {
	lock, err := os.OpenFile(filepath.Join(d.path, lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("store::directory: %w: name a directory that this process may write", err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		owner, _ := io.ReadAll(io.LimitReader(lock, 20)) // for the message only
		_ = lock.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return fmt.Errorf("store::directory: %s is in use by process %s: give each store a directory of its own",
				d.path, strings.TrimSpace(string(owner)))
		}
		return fmt.Errorf("store::directory: %s cannot be locked: %w: name a directory on a local disk", d.path, err)
	}
	d.lock = lock
	if err := lock.Truncate(0); err != nil {
		return errors.Join(err, lock.Close())
	}
	_, err = lock.WriteAt(fmt.Appendln(nil, os.Getpid()), 0)
	return err
}

// replaceFile writes a file beside its place, brings it to the disk and then
// puts it there, so that a file is whole or not there.
func (d *directory) replaceFile(name string, write func(io.Writer) (int64, error)) (length int64, err error) {
	path := filepath.Join(d.path, name)
	f, err := os.OpenFile(path+tmpSuffix, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return 0, err
	}
	length, err = write(f)
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(path+tmpSuffix, path)
	}
	if err != nil {
		_ = os.Remove(path + tmpSuffix) // it takes room that is missing, perhaps
		return 0, err
	}
	return length, d.syncFolder()
}

// syncFolder brings names to the disk.
func (d *directory) syncFolder() error {
	folder, err := os.Open(d.path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// state is what the files of the chunks do not tell.
type state struct {
	Version int               `json:"version"`
	Epoch   uint64            `json:"epoch,string"`
	Clean   bool              `json:"clean"` // everything up to Last is in files
	Last    map[string]uint64 `json:"last"`  // by signal: of all sequences given, not less
}

func (d *directory) writeState(clean bool) error {
	s := state{Version: fileVersion, Epoch: d.epoch, Clean: clean, Last: map[string]uint64{}}
	for _, l := range d.logs {
		s.Last[l.name()] = l.newest()
		if !clean {
			s.Last[l.name()] += reserveAhead
		}
	}
	_, err := d.replaceFile(stateName, func(w io.Writer) (int64, error) {
		data, err := json.Marshal(s)
		if err != nil {
			return 0, err
		}
		n, err := w.Write(append(data, '\n'))
		return int64(n), err
	})
	if err == nil {
		d.reserved = s.Last
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
	data, err := os.ReadFile(filepath.Join(d.path, stateName))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil //nolint:nilnil // no state is no fault
	}
	if err != nil {
		return nil, err
	}
	var s state
	if err := json.Unmarshal(data, &s); err != nil || s.Version < firstFileVersion || s.Version > fileVersion || s.Epoch == 0 {
		d.setAside(stateName, fmt.Errorf("the state is not readable, so that page tokens of before are refused (%w)", errOr(err)))
		return nil, nil //nolint:nilnil // as above
	}
	return &s, nil
}

func errOr(err error) error {
	if err == nil {
		return errors.New("another version")
	}
	return err
}

func newEpoch() uint64 { return rand.Uint64() | 1 } // never 0: a zero cursor means the first page
