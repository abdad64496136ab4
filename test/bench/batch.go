// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"
)

// What stands in an encoded batch where every sending of it writes something
// new: no two records that arrive are the same.
const (
	timeMark  uint64 = 0xfeed_5eed_a11c_0de1 // a time: now
	endMark   uint64 = 0xfeed_5eed_a11c_0de2 // a time somewhat later
	traceMark uint64 = 0xfeed_5eed_a11c_0de3 // half a trace id
	valueMark uint64 = 0x40f9_5eed_a11c_0de4 // a double
	textMark         = "feed5eeda11c0de5"    // 16 hex digits of an attribute
)

// batch is one encoded request, used by one sender at a time.
type batch struct {
	encoded []byte
	records int
	places  []place
}

// place is one mark.
type place struct {
	at   int
	mark uint64 // 0: textMark
}

// encode makes a batch of a message that holds marks.
func encode(message proto.Message, records int) (*batch, error) {
	encoded, err := proto.Marshal(message)
	if err != nil {
		return nil, fmt.Errorf("encode a batch: %w", err)
	}
	b := &batch{encoded: encoded, records: records}
	for _, mark := range []uint64{timeMark, endMark, traceMark, valueMark} {
		b.find(binary.LittleEndian.AppendUint64(nil, mark), mark)
	}
	b.find([]byte(textMark), 0)
	return b, nil
}

func (b *batch) find(text []byte, mark uint64) {
	for at := 0; ; at += len(text) {
		next := bytes.Index(b.encoded[at:], text)
		if next < 0 {
			return
		}
		at += next
		b.places = append(b.places, place{at: at, mark: mark})
	}
}

// renew makes the batch differ from all that were sent before; serial counts
// the sendings of all senders.
func (b *batch) renew(serial uint64, now time.Time) {
	start := uint64(now.UnixNano())
	for i, p := range b.places {
		to := b.encoded[p.at:]
		switch p.mark {
		case timeMark:
			binary.LittleEndian.PutUint64(to, start)
		case endMark:
			binary.LittleEndian.PutUint64(to, start+uint64(i%97)*1e6)
		case traceMark:
			binary.LittleEndian.PutUint64(to, serial)
		case valueMark:
			// The lower bits of a double near 100,000: almost no two are equal.
			binary.LittleEndian.PutUint64(to, valueMark&^0xffff_ffff|scattered(serial, i)>>32)
		default:
			hex.Encode(to, binary.BigEndian.AppendUint64(nil, scattered(serial, i)))
		}
	}
}

// scattered is a number that looks like chance.
func scattered(serial uint64, i int) uint64 {
	x := (serial<<20 + uint64(i) + 1) * 0x9e3779b97f4a7c15
	return (x ^ x>>29) * 0xbf58476d1ce4e5b9
}

// copies gives each sender batches of its own.
func copies(batches []*batch) []*batch {
	own := make([]*batch, len(batches))
	for i, b := range batches {
		own[i] = &batch{encoded: slices.Clone(b.encoded), records: b.records, places: b.places}
	}
	return own
}
