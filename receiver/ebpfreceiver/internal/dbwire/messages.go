// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package dbwire

import (
	"encoding/binary"
	"slices"
)

// messages frames one direction of a connection to PostgreSQL: a letter, the
// length, a body. The first message of a client has no letter.
type messages struct {
	startup bool
	broken  bool
	part    []byte // of a head, or of a message that came in several pieces
	skip    int64  // bytes of a body that are of no interest
	place   uint32 // of the next byte in the stream
}

func (m *messages) reset() { *m = messages{part: m.part[:0]} }

// mayBegin reports whether a message may begin there.
func (m *messages) mayBegin(b []byte) bool {
	return len(b) >= messageHead && isFront(b[0]) && binary.BigEndian.Uint32(b[1:]) < maxMessageSize
}

func isFront(kind byte) bool {
	switch kind {
	case 'Q', 'P', 'B', 'E', 'S', 'D', 'C', 'H', 'F', 'X', 'd', 'c', 'f', 'p':
		return true
	}
	return false
}

// feed reads a piece, and reports false when it cannot be followed any more.
func (m *messages) feed(p *Piece, emit func(kind byte, body []byte, place uint32)) bool {
	data, length := p.Data, int64(p.Length)
	for length > 0 {
		if m.skip > 0 {
			n := min(m.skip, length)
			data, length = data[min(n, int64(len(data))):], length-n
			m.skip -= n
			m.place += uint32(n)
			continue
		}
		if len(m.part) > 0 {
			data, length = m.joined(data, length)
		}
		head, size, ok := m.head(data)
		switch {
		case !ok && int64(len(data)) == length && len(data) < 8:
			m.part = append(m.part, data...)
			m.place += uint32(length)
			return true
		case !ok, size < int64(head):
			return false
		}
		kind := byte(0)
		if !m.startup {
			kind = data[0]
		}
		m.startup = false
		seen := min(size, int64(len(data)))
		emit(kind, data[head:max(seen, int64(head))], m.place)
		m.skip = size
	}
	return true
}

// joined puts the head that was begun in front; it is short.
func (m *messages) joined(data []byte, length int64) (all []byte, allLength int64) {
	had := len(m.part)
	all = slices.Concat(m.part, data)
	m.place -= uint32(had)
	m.part = nil
	return all, length + int64(had)
}

// head returns how long the head of the message is, and the whole of it.
func (m *messages) head(b []byte) (head int, size int64, ok bool) {
	if m.startup {
		if len(b) < 8 {
			return 0, 0, false
		}
		return 4, int64(binary.BigEndian.Uint32(b)), true
	}
	if len(b) < messageHead {
		return 0, 0, false
	}
	size = int64(binary.BigEndian.Uint32(b[1:])) + 1
	return messageHead, size, size < maxMessageSize && b[0] >= '1' && b[0] <= 'z'
}
