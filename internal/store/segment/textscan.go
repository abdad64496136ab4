// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package segment

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/store/ngram"
)

// textHint is a text that rows must hold. It is looked for in the texts of a
// block as they are unpacked, all rows at once, which takes a tenth of the time
// that restoring the rows would. What is found may lie across the bounds of
// texts: it only reports that the rows must be looked at.
type textHint struct {
	folded []byte // ASCII only
	// hex is set if a part of it may be a part of an id: those stand as marks in
	// the bodies.
	hex bool
	// runes are runes outside ASCII that fold to a letter of it.
	runes [][]byte
}

// newTextHint returns nil where the text must be looked for row by row.
func newTextHint(folded string) *textHint {
	if folded == "" {
		return nil
	}
	h := &textHint{folded: []byte(folded), hex: strings.ContainsAny(folded, "0123456789abcdef")}
	for _, c := range h.folded {
		if c >= utf8.RuneSelf || c == markTrace || c == markSpan {
			return nil
		}
	}
	for _, r := range "\u212aİſ" { // of the Kelvin sign, of a Turkish letter, and of the long s
		if strings.Contains(folded, model.FoldText(string(r))) {
			h.runes = append(h.runes, []byte(string(r)))
		}
	}
	return h
}

// searched says in which columns and streams of a signal texts are searched.
type searched struct {
	names []int // columns of places among the strings
	body  bool
}

// MayHold reports whether a row of the block in hand, of those that are wanted,
// may hold the text. The texts are unpacked.
func (h *textHint) mayHold(l *Loader, in searched) bool {
	if h.inNames(l, in.names) || in.body && h.inBodies(l) {
		return true
	}
	for _, f := range l.Dictionary().Fields {
		if f.kind == model.KindString && f.column < len(l.fields) && h.in(l, l.fields[f.column].Bytes) {
			return true
		}
	}
	return false
}

// inNames looks the strings up once a segment: mostly none holds the text.
func (h *textHint) inNames(l *Loader, columns []int) bool {
	if !l.wants.textsKnown {
		l.wants.textsKnown = true
		for place, s := range l.Dictionary().Strings {
			if strings.Contains(model.FoldText(s), string(h.folded)) {
				l.wants.texts = append(l.wants.texts, uint64(place))
			}
		}
	}
	if len(l.wants.texts) == 0 {
		return false
	}
	for _, column := range columns {
		l.ReadColumn(column)
		for _, i := range l.wanted {
			for _, place := range l.wants.texts {
				if l.numbers[column][i] == place {
					return true
				}
			}
		}
	}
	return false
}

// inBodies looks into the bodies. Those that are no strings, and those with the
// record's own ids in them where the text may be a part of one, are left to the
// rows.
func (h *textHint) inBodies(l *Loader) bool {
	if h.in(l, l.body.Bytes) || len(l.extra.Bytes) > 0 {
		return true
	}
	return h.hex && (bytes.IndexByte(l.body.Bytes, markTrace) >= 0 || bytes.IndexByte(l.body.Bytes, markSpan) >= 0) && h.inMarked(l)
}

// inMarked looks into the bodies with marks, one after the other.
func (h *textHint) inMarked(l *Loader) bool {
	for _, column := range [...]int{columnTrace, columnSpan, columnBody, columnLength} {
		l.ReadColumn(column)
	}
	body := l.body
	for i := range l.Count {
		text := body.Take(int(l.Number(columnLength, i)))
		if l.Number(columnBody, i) != bodyWithID {
			continue
		}
		l.marked = appendWithoutMarks(l.marked[:0], text, l.trace(i), l.span(l.Number(columnSpan, i)))
		if h.in(l, l.marked) {
			return true
		}
	}
	return false
}

// in reports whether a stream of texts may hold the text.
func (h *textHint) in(l *Loader, stream []byte) bool {
	if len(stream) < len(h.folded) && len(h.runes) == 0 {
		return false
	}
	l.folded = AppendLower(l.folded[:0], stream)
	if bytes.Contains(l.folded, h.folded) {
		return true
	}
	for _, r := range h.runes {
		if bytes.Contains(stream, r) {
			return true
		}
	}
	return false
}

// AppendLower appends the bytes with the upper case letters of ASCII as lower
// case.
func AppendLower(dst, src []byte) []byte {
	n := len(dst)
	dst = append(dst, src...)
	ngram.Lower(dst[n:])
	return dst
}
