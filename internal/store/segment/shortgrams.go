// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package segment

// mayHoldShort reports whether a row of the segment may hold all these.
func (s *Segment) mayHoldShort(shorts []uint32) bool {
	if len(s.shorts) == 0 || len(shorts) == 0 {
		return true
	}
	table := s.Unpack(nil, s.shorts)
	for _, bit := range shorts {
		if table[bit/8]>>(bit%8)&1 == 0 {
			return false
		}
	}
	return true
}
