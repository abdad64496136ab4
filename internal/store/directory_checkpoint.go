// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"errors"
	"fmt"
)

// checkpoint writes all there is, the head too, and that it is all.
func (d *directory) checkpoint() error {
	for _, l := range d.logs {
		l.compactAll()
	}
	d.busy.Lock()
	defer d.busy.Unlock()
	_, err := d.makeAgain()
	d.removeDoomed()
	if err == nil {
		err = d.writePending(true)
	}
	if err == nil {
		err = errors.Join(d.writeState(true), d.ahead.trim())
	}
	d.paused = err == nil
	if err != nil {
		d.failed(err)
		return fmt.Errorf("store::directory: failed to write %d records to %s: %w", d.unfiled(), d.path, err)
	}
	d.incomplete.Store(false)
	return nil
}

// unfiled is how many rows are in no file.
func (d *directory) unfiled() (rows int) {
	for _, l := range d.logs {
		rows += l.unfiled()
	}
	return rows
}

// makeAgain makes a directory again that someone removed, or emptied; it reports
// whether it did. All that is in memory is to be written then.
func (d *directory) makeAgain() (again bool, err error) {
	if d.lock.Held() {
		return false, nil
	}
	d.incomplete.Store(true) // before the write-ahead log can acknowledge records in the new one
	if err := d.fs.MkdirAll(d.path); err != nil {
		return false, err
	}
	gone := d.lock
	if err := d.acquire(); err != nil {
		return false, err
	}
	_ = gone.Close() // no one can lock it any more
	clear(d.sizes)
	clear(d.reserved)
	d.bytes.Store(0)
	for _, l := range d.logs {
		l.unfile()
	}
	if w := d.ahead.log.Load(); w != nil {
		w.Abandon()
	}
	d.report("the directory of the store was removed; creating it and writing it again", errRemoved)
	return true, nil
}

var errRemoved = errors.New("store::directory: its lock file is gone")

// resume goes on after a checkpoint.
func (d *directory) resume(durability Durability, logBytes int64) {
	d.busy.Lock()
	d.paused = false
	if d.ahead.durability != durability || d.ahead.logBytes != logBytes {
		if err := d.ahead.stop(); err != nil {
			d.failed(err)
		}
		d.ahead.durability, d.ahead.logBytes = durability, logBytes
		d.ahead.start()
	}
	d.busy.Unlock()
	d.catchUp(false)
}

// close ends the goroutine and lets others use the directory.
func (d *directory) close() {
	close(d.stop)
	d.done.Wait()
	if err := d.ahead.stop(); err != nil {
		d.report("failed to close the write-ahead log", err)
	}
	_ = d.lock.Close() // and with it the lock
}
