// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package send

import (
	"bufio"
	"bytes"
	"io"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
)

// sniffBytes is how much of the input decides whether it is UTF-16.
const sniffBytes = 512

// utf8Reader returns the input without a byte order mark. UTF-16, with a byte
// order mark or recognized by its zero bytes, is converted to UTF-8.
func utf8Reader(from io.Reader) *bufio.Reader {
	buffered := bufio.NewReaderSize(from, 64<<10)
	head := peekAvailable(buffered, sniffBytes)
	switch {
	case bytes.HasPrefix(head, []byte("\xef\xbb\xbf")):
		_, _ = buffered.Discard(3) // these bytes are buffered
		return buffered
	case bytes.HasPrefix(head, []byte("\xff\xfe")), bytes.HasPrefix(head, []byte("\xfe\xff")):
		return utf16Reader(buffered, unicode.LittleEndian, unicode.ExpectBOM)
	case mostlyZero(head, 1) && !mostlyZero(head, 0):
		return utf16Reader(buffered, unicode.LittleEndian, unicode.IgnoreBOM)
	case mostlyZero(head, 0) && !mostlyZero(head, 1):
		return utf16Reader(buffered, unicode.BigEndian, unicode.IgnoreBOM)
	default:
		return buffered
	}
}

func utf16Reader(from io.Reader, order unicode.Endianness, bom unicode.BOMPolicy) *bufio.Reader {
	return bufio.NewReaderSize(unicode.UTF16(order, bom).NewDecoder().Reader(from), 64<<10)
}

// peekAvailable waits for the first bytes only: a pipe may bring more much later.
func peekAvailable(from *bufio.Reader, most int) []byte {
	_, _ = from.Peek(1) // what there is decides
	head, _ := from.Peek(min(most, from.Buffered()))
	return head
}

// mostlyZero reports whether most bytes at even (0) or odd (1) offsets are zero,
// as the upper halves of Latin text in UTF-16 are.
func mostlyZero(head []byte, offset int) bool {
	zeros, count := 0, 0
	for i := offset; i < len(head); i += 2 {
		count++
		if head[i] == 0 {
			zeros++
		}
	}
	return count >= 4 && zeros*4 > count*3
}

// validUTF8 returns the line in UTF-8 and whether it had to be converted. A line
// that has multi-byte characters of UTF-8 keeps them and gets U+FFFD for the bytes
// that are none; any other is read as Windows-1252, of which Latin-1 is a part.
func validUTF8(line []byte) (text string, converted bool) {
	if utf8.Valid(line) {
		return string(line), false
	}
	if hasMultibyte(line) {
		return strings.ToValidUTF8(string(line), "\ufffd"), true
	}
	decoded, err := charmap.Windows1252.NewDecoder().Bytes(line)
	if err != nil { // a decoder of single bytes maps each of them
		return strings.ToValidUTF8(string(line), "\ufffd"), true
	}
	return string(decoded), true
}

func hasMultibyte(line []byte) bool {
	for len(line) > 0 {
		r, n := utf8.DecodeRune(line)
		if n > 1 && r != utf8.RuneError {
			return true
		}
		line = line[n:]
	}
	return false
}
