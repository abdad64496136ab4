// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package dbwire

import (
	"bytes"
	"strconv"
)

const (
	maxDepth    = 16      // of arrays in arrays
	maxLine     = 4 << 10 // of a head of a value, or a simple one
	maxArgument = 64      // bytes of a command's name that are kept
	arguments   = 3       // that are kept of a command
)

// respListener receives the values of a stream of Redis' protocol.
type respListener interface {
	// value begins at the top: its kind, and what stands behind it in its line.
	value(kind byte, line []byte)
	// argument is one of the first texts in an array at the top.
	argument(text []byte, index int)
	// end of the value at the top.
	end()
}

// resp follows values without keeping them; of long ones it needs the length only.
type resp struct {
	part  []byte // of a line that came in two pieces
	place uint32 // of the next byte in the stream
	began uint32 // place of the value at the top
	skip  int64  // bytes of a text that are still to come
	stack [maxDepth]int64
	depth int
	text  []byte // of the argument
	want  bool   // the argument is being read
	// wanted is how many bytes of it are.
	wanted int
	named  int // arguments that were read
}

func (r *resp) reset() { *r = resp{part: r.part[:0], text: r.text[:0]} }

// within reports whether the begin of a value was read, and not its end.
func (r *resp) within() bool { return r.depth > 0 || r.skip > 0 }

// between reports whether the last value was read to its end, and no other begun.
func (r *resp) between() bool { return !r.within() && len(r.part) == 0 }

// feed reads a piece of which data are the first bytes. It reports false when the
// stream cannot be followed any more.
func (r *resp) feed(data []byte, length int64, to respListener) bool {
	for length > 0 {
		if r.skip > 0 {
			n := min(r.skip, length)
			r.keep(data[:min(n, int64(len(data)))])
			data, length = data[min(n, int64(len(data))):], length-n
			r.place += uint32(n)
			if r.skip -= n; r.skip == 0 {
				r.endText(to)
			}
			continue
		}
		end := bytes.IndexByte(data, '\n')
		if end < 0 {
			if int64(len(data)) < length || len(r.part)+len(data) > maxLine {
				return false
			}
			r.part = append(r.part, data...)
			r.place += uint32(length)
			return true
		}
		line := data[:end+1]
		if r.depth == 0 {
			r.began = r.place - uint32(len(r.part))
		}
		if len(r.part) > 0 {
			r.part = append(r.part, line...)
			line = r.part
		}
		r.place += uint32(end) + 1
		ok := r.line(bytes.TrimRight(line, "\r\n"), to)
		r.part = r.part[:0]
		data, length = data[end+1:], length-int64(end)-1
		if !ok {
			return false
		}
	}
	return true
}

func (r *resp) keep(b []byte) {
	if r.want && len(r.text) < maxArgument {
		r.text = append(r.text, b[:min(len(b), maxArgument-len(r.text))]...)
	}
}

func (r *resp) endText(to respListener) {
	if r.want {
		r.want = false
		text := bytes.TrimRight(r.text, "\r\n")
		if len(r.text) < r.wanted {
			text = nil // it was not copied
		}
		to.argument(text, r.named)
		r.named++
	}
	r.endValue(to)
}

// line reads the head of a value.
func (r *resp) line(line []byte, to respListener) bool {
	if len(line) == 0 {
		return false
	}
	kind, rest := line[0], line[1:]
	if r.depth == 0 {
		r.named = 0
		to.value(kind, rest)
	}
	switch kind {
	case '+', '-', ':', ',', '#', '(', '_':
		r.endValue(to)
		return true
	case '$', '=', '!':
		return r.beginText(rest, to)
	case '*', '~', '>':
		return r.beginArray(rest, 1, to)
	case '%':
		return r.beginArray(rest, 2, to)
	}
	return false
}

func (r *resp) beginText(line []byte, to respListener) bool {
	n, err := strconv.ParseInt(string(line), 10, 64)
	if err != nil || n < -1 || n > 1<<40 {
		return false
	}
	if n < 0 {
		r.endValue(to)
		return true
	}
	r.skip = n + 2
	r.want = r.depth == 1 && r.named < arguments
	r.text, r.wanted = r.text[:0], int(min(n, maxArgument))
	return true
}

func (r *resp) beginArray(line []byte, each int64, to respListener) bool {
	n, err := strconv.ParseInt(string(line), 10, 64)
	if err != nil || n < -1 || n > 1<<32 || r.depth == maxDepth {
		return false
	}
	if n <= 0 {
		r.endValue(to)
		return true
	}
	r.stack[r.depth] = n * each
	r.depth++
	return true
}

// endValue ends a value, and the arrays of which it is the last one.
func (r *resp) endValue(to respListener) {
	for r.depth > 0 {
		r.stack[r.depth-1]--
		if r.stack[r.depth-1] > 0 {
			return
		}
		r.depth--
	}
	to.end()
}
