// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package http1 reads HTTP/1.x that it was not party to: pieces of the two
// streams of a connection, some of them incomplete, become exchanges of a request
// and its response.
package http1

import (
	"bytes"
	"errors"
	"slices"
	"strconv"
	"strings"
)

// MaxHead is how long a head may be; longer ones are given up.
const MaxHead = 16 << 10

// What ParseHead may say.
var (
	// ErrIncomplete means that more bytes may make a head of it.
	ErrIncomplete = errors.New("the head does not end yet")
	// ErrTooLarge means that it does not end within MaxHead.
	ErrTooLarge = errors.New("the head is too large")
	// ErrMalformed means that no further byte can make a head of it.
	ErrMalformed = errors.New("not a head of HTTP/1.x")
)

// Head is what a span wants to know of the head of a message.
type Head struct {
	// Method is empty for a response.
	Method string
	Target string
	Status int
	// Minor is the second number of the version.
	Minor byte
	// Length is the Content-Length, -1 without one.
	Length  int64
	Chunked bool
	// Coded reports a Transfer-Encoding, which overrides the Content-Length.
	Coded bool
	// Upgrade reports that the connection is to speak something else.
	Upgrade     bool
	Host        string
	UserAgent   string
	Traceparent string
}

// Request distinguishes requests from responses.
func (h *Head) Request() bool { return h.Method != "" }

// ParseHead reads a head from the beginning of the bytes, and how long it is.
func ParseHead(b []byte) (head Head, size int, err error) {
	size, err = head.parse(b, &Head{})
	return head, size, err
}

// parse takes the texts from an earlier head of the connection where they are
// the same: the requests of a connection mostly differ in their target alone, and
// texts that live on are most of what seeing them would cost.
func (h *Head) parse(b []byte, earlier *Head) (size int, err error) {
	line, rest, found := cutLine(b)
	if !found {
		if !mayBegin(b) {
			return 0, ErrMalformed
		}
		return 0, unfinished(b)
	}
	*h = Head{Length: -1}
	if !h.parseFirst(line, earlier) {
		return 0, ErrMalformed
	}
	for {
		line, rest, found = cutField(rest)
		switch {
		case !found:
			return 0, unfinished(b)
		case len(line) == 0:
			return len(b) - len(rest), nil
		}
		if err := h.parseField(line, earlier); err != nil {
			return 0, err
		}
	}
}

// parseFirstLine reads as much of a request as its first line has. The rest of its
// head is too long to read.
func (h *Head) parseFirstLine(b []byte) bool {
	line, _, found := cutLine(b)
	*h = Head{Length: -1}
	return found && h.parseFirst(line, &Head{}) && h.Request()
}

// same returns the earlier text if the bytes say the same.
func same(earlier string, b []byte) string {
	if earlier == string(b) {
		return earlier
	}
	return string(b)
}

func unfinished(b []byte) error {
	if len(b) >= MaxHead {
		return ErrTooLarge
	}
	return ErrIncomplete
}

// maxMethod bounds the length of a method. The longest registered one has 17 bytes.
const maxMethod = 32

const statusPrefix = "HTTP/1."

// mayBegin reports whether more bytes may make a first line of it.
func mayBegin(b []byte) bool {
	if n := min(len(b), len(statusPrefix)); string(b[:n]) == statusPrefix[:n] {
		return true
	}
	for i, c := range b[:min(len(b), maxMethod+1)] {
		switch {
		case c == ' ':
			return i > 0
		case !isTokenByte(c):
			return false
		}
	}
	return len(b) <= maxMethod
}

// beginsCommonly reports whether it is the begin of a response, or of a request
// with a common method.
func beginsCommonly(b []byte) bool {
	for _, begin := range []string{statusPrefix, "GET ", "HEAD ", "POST ", "PUT ", "DELETE ", "CONNECT ", "OPTIONS ", "TRACE ", "PATCH "} {
		if n := min(len(b), len(begin)); string(b[:n]) == begin[:n] {
			return true
		}
	}
	return false
}

// isTokenByte reports whether RFC 9110 5.6.2 allows the byte in a token.
func isTokenByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c != 0 && strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}

func cutLine(b []byte) (line, rest []byte, found bool) {
	end := bytes.IndexByte(b, '\n')
	if end < 0 {
		return nil, b, false
	}
	return bytes.TrimSuffix(b[:end], []byte{'\r'}), b[end+1:], true
}

// cutField cuts a field with the lines that continue it (obs-fold, RFC 9112 5.2).
func cutField(b []byte) (field, rest []byte, found bool) {
	field, rest, found = cutLine(b)
	for found && len(field) > 0 && len(rest) > 0 && (rest[0] == ' ' || rest[0] == '\t') {
		var next []byte
		if next, rest, found = cutLine(rest); found {
			field = slices.Concat(bytes.TrimRight(field, " \t"), []byte{' '}, bytes.TrimLeft(next, " \t"))
		}
	}
	return field, rest, found
}

func (h *Head) parseFirst(line []byte, earlier *Head) bool {
	if bytes.HasPrefix(line, []byte(statusPrefix)) {
		return h.parseStatus(line)
	}
	// A target may hold spaces that its client failed to encode.
	end, last := bytes.IndexByte(line, ' '), bytes.LastIndexByte(line, ' ')
	if end <= 0 || end > maxMethod || last <= end+1 {
		return false
	}
	method, target, version := line[:end], line[end+1:last], line[last+1:]
	if len(version) != len(statusPrefix)+1 || !bytes.HasPrefix(version, []byte(statusPrefix)) {
		return false
	}
	for _, c := range method {
		if !isTokenByte(c) {
			return false
		}
	}
	h.Method, h.Target, h.Minor = same(earlier.Method, method), same(earlier.Target, target), version[7]-'0'
	return h.Minor <= 9
}

func (h *Head) parseStatus(line []byte) bool {
	const code = len("HTTP/1.1 ")
	if len(line) < code+3 || line[code-1] != ' ' {
		return false
	}
	status, err := strconv.ParseUint(string(line[code:code+3]), 10, 16)
	if err != nil || status < 100 || len(line) > code+3 && line[code+3] != ' ' {
		return false
	}
	h.Status, h.Minor = int(status), line[7]-'0'
	return h.Minor <= 9
}

func (h *Head) parseField(line []byte, earlier *Head) error {
	name, value, ok := bytes.Cut(line, []byte{':'})
	if !ok || len(name) == 0 {
		return ErrMalformed
	}
	// The names that matter differ in length, save two.
	switch len(name) {
	case len("Host"):
		takeText(name, "host", value, earlier.Host, &h.Host)
	case len("Upgrade"):
		h.Upgrade = h.Upgrade || isName(name, "upgrade")
	case len("User-Agent"):
		takeText(name, "user-agent", value, earlier.UserAgent, &h.UserAgent)
	case len("traceparent"):
		takeText(name, "traceparent", value, earlier.Traceparent, &h.Traceparent)
	case len("Content-Length"):
		if isName(name, "content-length") {
			return h.parseLength(value)
		}
	case len("Transfer-Encoding"):
		if isName(name, "transfer-encoding") {
			h.Coded = true
			h.Chunked = bytes.HasSuffix(bytes.ToLower(bytes.TrimSpace(value)), []byte("chunked"))
		}
	}
	return nil
}

// parseLength accepts the same length given several times (RFC 9110 8.6).
func (h *Head) parseLength(value []byte) error {
	for part := range bytes.SplitSeq(value, []byte{','}) {
		n, err := strconv.ParseInt(string(bytes.TrimSpace(part)), 10, 64)
		if err != nil || n < 0 || h.Length >= 0 && h.Length != n {
			return ErrMalformed
		}
		h.Length = n
	}
	return nil
}

func takeText(name []byte, wanted string, value []byte, earlier string, to *string) {
	if isName(name, wanted) {
		*to = same(earlier, bytes.TrimSpace(value))
	}
}

// isName compares without regard to case; wanted is in small letters.
func isName(name []byte, wanted string) bool {
	if len(name) != len(wanted) {
		return false
	}
	for i, c := range name {
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != wanted[i] {
			return false
		}
	}
	return true
}
