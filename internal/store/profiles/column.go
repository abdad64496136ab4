// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profiles

// column is a list of numbers, each in as many bytes as the largest of them takes. It
// only grows, so that a copy of it stays valid and unchanged while more is appended.
type column struct {
	bytes []byte // the lowest byte of a number first
	width int    // bytes of a number, 0 while there is none
}

// zeros is a column of n zeros, for numbers of so many bytes.
func zeros(n, width int) column { return column{make([]byte, n*width), width} }

// widthOf is how many bytes a number takes.
func widthOf(number uint32) int {
	switch {
	case number < 1<<8:
		return 1
	case number < 1<<16:
		return 2
	case number < 1<<24:
		return 3
	default:
		return 4
	}
}

func (c *column) len() int {
	if c.width == 0 {
		return 0
	}
	return len(c.bytes) / c.width
}

func (c *column) size() int64 { return int64(cap(c.bytes)) }

func (c *column) at(i uint32) uint32 {
	b := c.bytes[int(i)*c.width:]
	switch c.width {
	case 1:
		return uint32(b[0])
	case 2:
		return uint32(b[0]) | uint32(b[1])<<8
	case 3:
		return uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16
	default:
		return uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24
	}
}

func (c *column) is(i, number uint32) bool { return c.at(i) == number }

// set replaces a number by one that takes no more bytes than the width.
func (c *column) set(i, number uint32) {
	for b := c.bytes[int(i)*c.width:][:c.width]; len(b) > 0; b = b[1:] {
		b[0] = byte(number)
		number >>= 8
	}
}

func (c *column) append(number uint32) {
	if width := widthOf(number); width > c.width {
		c.widen(width)
	}
	c.bytes = room(c.bytes, c.width)[:len(c.bytes)+c.width]
	c.set(uint32(c.len()-1), number)
}

// widen copies all numbers into as many bytes each as width is.
func (c *column) widen(width int) {
	n := c.len()
	wide := zeros(n, width)
	for i := range uint32(n) {
		wide.set(i, c.at(i))
	}
	*c = wide
}

// compact gives back the room for growth.
func (c *column) compact() { c.bytes = exact(c.bytes) }
