// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package federation

import (
	"encoding/binary"
	"hash/fnv"

	"github.com/tapio/tapio/internal/model"
)

// progress is how far the pages of a query have come with one member: the page of the
// member that is read, and the rows of it that were returned.
type progress struct {
	page  model.Cursor // where the page begins
	time  model.Nanos  // of the last row returned
	at    uint64       // rows returned of that time
	any   bool         // a row of the page was returned
	ended bool         // there are no more rows
}

// state is what a page token says of the members, and of rows that come up again.
type state struct {
	members map[uint64]progress // by the hash of the name
	seen    []uint64
}

// maxSeen bounds what a token remembers of traces that other members return again.
const maxSeen = 1024

func nameHash(name string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(name))
	return h.Sum64()
}

const (
	flagEnded = 1 << iota
	flagAny
)

// encode writes a state for a cursor.
func (s *state) encode() string {
	out := binary.AppendUvarint(nil, uint64(len(s.members)))
	for name, p := range s.members {
		flags := byte(0)
		if p.ended {
			flags |= flagEnded
		}
		if p.any {
			flags |= flagAny
		}
		out = append(binary.BigEndian.AppendUint64(out, name), flags)
		for _, n := range []uint64{p.page.Epoch, p.page.Snapshot, uint64(p.page.Time), p.page.Seq, uint64(p.time), p.at} {
			out = binary.AppendUvarint(out, n)
		}
		out = append(binary.AppendUvarint(out, uint64(len(p.page.State))), p.page.State...)
	}
	for _, hash := range s.seen[max(0, len(s.seen)-maxSeen):] {
		out = binary.BigEndian.AppendUint64(out, hash)
	}
	return string(out)
}

// decodeState reads what encode wrote.
func decodeState(text string) (*state, error) {
	r := &stateReader{rest: []byte(text)}
	s := &state{members: map[uint64]progress{}}
	for n := r.uvarint(); n > 0 && !r.failed; n-- {
		name, flags := r.fixed(), r.bytes(1)
		var p progress
		numbers := [6]uint64{}
		for i := range numbers {
			numbers[i] = r.uvarint()
		}
		p.page = model.Cursor{Epoch: numbers[0], Snapshot: numbers[1], Time: model.Nanos(numbers[2]), Seq: numbers[3]}
		p.time, p.at = model.Nanos(numbers[4]), numbers[5]
		p.page.State = string(r.bytes(r.uvarint()))
		if !r.failed {
			p.ended, p.any = flags[0]&flagEnded != 0, flags[0]&flagAny != 0
			s.members[name] = p
		}
	}
	for len(r.rest) > 0 && !r.failed {
		s.seen = append(s.seen, r.fixed())
	}
	if r.failed || len(s.seen) > maxSeen {
		return nil, model.InvalidField("filter.page_token", "is none of this server's tokens: start again without it")
	}
	return s, nil
}

type stateReader struct {
	rest   []byte
	failed bool
}

func (r *stateReader) uvarint() uint64 {
	n, size := binary.Uvarint(r.rest)
	if size <= 0 {
		r.failed, r.rest = true, nil
		return 0
	}
	r.rest = r.rest[size:]
	return n
}

func (r *stateReader) bytes(n uint64) []byte {
	if n > uint64(len(r.rest)) {
		r.failed, r.rest = true, nil
		return nil
	}
	out := r.rest[:n]
	r.rest = r.rest[n:]
	return out
}

func (r *stateReader) fixed() uint64 {
	b := r.bytes(8)
	if b == nil {
		return 0
	}
	return binary.BigEndian.Uint64(b)
}
