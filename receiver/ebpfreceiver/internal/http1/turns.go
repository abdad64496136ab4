// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package http1

// Turns records how the client of a connection takes turns with its server. After
// a loss nobody knows how many requests are unanswered. A client that waits for
// its answers has none outstanding when it asks after an answer, so pairing may
// resume there. A client that asks before its answers are complete gives no such
// point.
type Turns struct {
	// answered reports bytes of answers since the last request.
	answered bool
	// spoke reports bytes of answers since the eldest outstanding request.
	spoke bool
	// batch counts the requests since none was outstanding.
	batch int
	// pipelined reports a client that asks several things at once, and waits one
	// that had all answers before it asked again.
	pipelined, waits bool
	// interleaves reports a client that asks in the midst of answers.
	interleaves bool
}

// Answer notes bytes of an answer.
func (t *Turns) Answer() { t.answered, t.spoke = true, true }

// Ask notes a request while so many others are outstanding. It reports whether
// the client did not wait for the rest of an answer.
func (t *Turns) Ask(outstanding int) (overtakes bool) {
	if outstanding == 0 {
		t.waits = t.waits || t.batch > 1
		t.batch, t.spoke = 0, false
	}
	t.batch++
	t.answered = false
	return t.spoke
}

// Overlap notes that a request began before the answer to the one before it was
// complete. Without losses this cannot be doubted.
func (t *Turns) Overlap(overtakes bool) {
	t.pipelined = true
	t.interleaves = t.interleaves || overtakes
}

// Lose notes that bytes of a request were lost: whatever follows at once may
// belong to it.
func (t *Turns) Lose() { t.answered, t.batch = false, 0 }

// MayResume reports whether a request now has no other before it that is
// unanswered.
func (t *Turns) MayResume() bool {
	return t.answered && !t.interleaves && (!t.pipelined || t.waits)
}
