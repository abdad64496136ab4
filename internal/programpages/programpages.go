// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package programpages gives back the pages of the program's own file that only its
// start needed.
package programpages

import (
	"bytes"
	"strconv"
)

// span is a range of addresses.
type span struct{ from, to uint64 }

// readOnly finds the parts of a file that are mapped and cannot be written, in the form
// of /proc/PID/maps.
func readOnly(maps []byte, file string) (spans []span) {
	const fields = 6
	for line := range bytes.Lines(maps) {
		part := bytes.Fields(line)
		if len(part) < fields || string(part[fields-1]) != file || part[1][0] != 'r' || part[1][1] != '-' {
			continue
		}
		from, to, _ := bytes.Cut(part[0], []byte("-"))
		var s span
		var errs [2]error
		s.from, errs[0] = strconv.ParseUint(string(from), 16, 64)
		s.to, errs[1] = strconv.ParseUint(string(to), 16, 64)
		if errs == [2]error{} && s.from < s.to {
			spans = append(spans, s)
		}
	}
	return spans
}
