// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package http1

import (
	"bytes"
	"strconv"
	"time"
)

const (
	lastChunk = "0\r\n\r\n"
	// maxChunkLine bounds the size of a chunk with its extensions, or a trailer.
	maxChunkLine = 1 << 10
)

// chunks follows a chunked body (RFC 9112 7.1). It reads the sizes as long as they
// were copied. From the first one that was not, it is blind, and knows the last
// chunk only by how a piece ends.
type chunks struct {
	left     int64 // bytes of the chunk with its line end
	line     []byte
	trailers bool
	blind    bool
	end      []byte    // the last bytes, at most as many as lastChunk has
	at       time.Time // of the last piece
}

// take follows the bytes of a piece from where data begin. It reports how many
// belong to the body, whether they end it, and whether they are chunks.
func (c *chunks) take(p *Piece, data []byte, length int) (n int, end, ok bool) {
	if c.blind {
		return c.takeBlind(p, length)
	}
	for n < length {
		if c.left > 0 {
			skipped := min(c.left, int64(length-n))
			c.left -= skipped
			n += int(skipped)
			continue
		}
		if n >= len(data) {
			c.blind, c.line = true, nil
			more, end, ok := c.takeBlind(p, length-n)
			return n + more, end, ok
		}
		used, whole := c.readLine(data[n:])
		n += used
		if !whole {
			if len(c.line) > maxChunkLine {
				return n, false, false
			}
			continue
		}
		if end, ok = c.endLine(); end || !ok {
			return n, end, ok
		}
	}
	return n, false, true
}

func (c *chunks) readLine(data []byte) (used int, whole bool) {
	end := bytes.IndexByte(data, '\n')
	if end < 0 {
		c.line = append(c.line, data...)
		return len(data), false
	}
	c.line = append(c.line, data[:end]...)
	return end + 1, true
}

// endLine reads a size, or a trailer, of which the empty one is the last.
func (c *chunks) endLine() (end, ok bool) {
	line := bytes.TrimSuffix(c.line, []byte{'\r'})
	c.line = c.line[:0]
	if c.trailers {
		return len(line) == 0, true
	}
	text, _, _ := bytes.Cut(line, []byte{';'})
	size, err := strconv.ParseInt(string(bytes.TrimSpace(text)), 16, 64)
	if err != nil || size < 0 || size > 1<<50 {
		return false, false
	}
	c.trailers = size == 0
	if size > 0 {
		c.left = size + 2
	}
	return false, true
}

func (c *chunks) takeBlind(p *Piece, length int) (n int, end, ok bool) {
	tail := p.Tail[max(0, len(p.Tail)-length):]
	if len(tail) < min(len(lastChunk), length) {
		c.end = c.end[:0]
	}
	c.end = append(c.end, tail...)
	c.end = c.end[max(0, len(c.end)-len(lastChunk)):]
	return length, string(c.end) == lastChunk, true
}

// mayHaveEnded reports whether the body may be complete, with trailers that were
// not copied.
func (c *chunks) mayHaveEnded() bool {
	return c.blind && (len(c.end) < 4 || bytes.HasSuffix(c.end, []byte("\r\n\r\n")))
}

// skip passes over bytes that were not seen, if they are inside a chunk.
func (c *chunks) skip(n int64) bool {
	if c.blind || n > c.left {
		return false
	}
	c.left -= n
	return true
}
