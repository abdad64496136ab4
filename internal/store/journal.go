// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tapio/tapio/internal/store/lastseq"
	"github.com/tapio/tapio/internal/store/rowcode"
	"github.com/tapio/tapio/internal/store/wal"
)

// Numbers of the signals in the write-ahead log. A number, once given, stays.
const (
	numberLogs = iota
	numberTraces
	numberMetrics
	numberProfiles
)

// journal writes what is appended to one signal to the write-ahead log before it is
// stored, and has it stored in the order in which it is there: then a replay gives
// each row the sequence that it had.
type journal struct {
	number   uint8                   // of the signal
	ahead    atomic.Pointer[wal.Log] // nil: there is none
	encoders sync.Pool               // of *rowEncoder

	// seen is the newest sequence that readers may have seen, kept over the death of the
	// process; nil: it is not kept.
	seen *lastseq.Counter

	ordering sync.Mutex
	reserved uint64        // the newest sequence that is given
	before   chan struct{} // closed when the append before is stored; nil: there was none
}

// maxKeptEncoder is the size up to which the memory of a batch is used again.
const maxKeptEncoder = 4 << 20

// write logs rows and stores them. newest is the sequence of the newest row stored;
// apply stores the rows from a sequence on. An error means that they are not stored.
func (j *journal) write(w *wal.Log, rows int, arrived time.Time, encode func(*rowcode.Encoder), newest func() uint64, apply func(first uint64)) error {
	e := j.encoder()
	encode(e)
	if e.Length() > wal.MaxPayload {
		return fmt.Errorf("a batch takes %d bytes of the write-ahead log, at most %d", e.Length(), wal.MaxPayload)
	}
	j.ordering.Lock()
	j.reserved = max(j.reserved, newest()) // some may have come without a log
	first := j.reserved + 1
	ticket, err := w.Append(wal.Header{
		Signal: j.number, Count: uint32(rows), First: first, Arrived: arrived.UnixNano(),
	}, e.Payload())
	if err != nil {
		j.ordering.Unlock()
		return err
	}
	j.reserved += uint64(rows)
	before, done := j.before, make(chan struct{})
	j.before = done
	j.ordering.Unlock()
	defer close(done)
	j.release(e)
	err = ticket.Wait()
	if before != nil {
		<-before
	}
	if err == nil { // else the sequences stay unused
		apply(first)
	}
	return err
}

// see keeps a sequence before readers see its row.
func (j *journal) see(last uint64) {
	if j.seen != nil {
		j.seen.Store(last)
	}
}

func (j *journal) encoder() *rowcode.Encoder {
	e, found := j.encoders.Get().(*rowcode.Encoder)
	if !found {
		e = rowcode.NewEncoder()
	}
	e.Reset()
	return e
}

func (j *journal) release(e *rowcode.Encoder) {
	if e.Held() <= maxKeptEncoder {
		e.Reset()
		j.encoders.Put(e)
	}
}

// Place is the number of the signal in the write-ahead log.
func (j *journal) Place() uint8 { return j.number }

// setLog has appends written to a write-ahead log first; nil: to none.
func (j *journal) setLog(w *wal.Log) { j.ahead.Store(w) }
