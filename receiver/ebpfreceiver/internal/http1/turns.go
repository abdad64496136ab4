// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package http1

import "time"

const (
	// minRest is the shortest time without bytes that counts as a rest of the connection,
	// and restFactor how often it must be as long as the server took for its answers.
	minRest    = 5 * time.Millisecond
	restFactor = 4
	// restsOfTrial is how often a connection must come to rest with as many answers as
	// requests before what is paired there is reported.
	restsOfTrial = 2
	// slowestDecay lets the time that the server took for its slowest answer be forgotten
	// after some hundred faster ones.
	slowestDecay = 64
)

// Turns records how the client of a connection takes turns with its server. After
// a loss no one knows how many requests are unanswered. A client that waits for
// its answers has none outstanding when it asks after an answer, so pairing may
// resume there. A client that asks before its answers are complete gives no such
// point; pairing resumes on trial where the connection was at rest.
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

	// last is when bytes passed last, answering whether these were of an answer.
	last      time.Time
	answering bool
	// slowest is the longest that the server took lately to go on with its answers, rest
	// how long nothing had passed behind an answer when the last question came.
	slowest, rest time.Duration
	// trial is how often the connection must come to rest yet before pairing is certain.
	trial int
}

// Question notes bytes of a question, before the requests in them.
func (t *Turns) Question(at time.Time) {
	t.rest = 0
	if t.answering {
		t.rest = at.Sub(t.last)
	}
	t.last, t.answering = at, false
}

// Answer notes bytes of an answer. With follows, none passed unseen since the bytes
// before.
func (t *Turns) Answer(at time.Time, follows bool) {
	if follows && !t.last.IsZero() {
		t.slowest = max(at.Sub(t.last), t.slowest-t.slowest/slowestDecay)
	}
	t.last, t.answering = at, true
	t.answered, t.spoke = true, true
}

// Ask notes a request while so many others are outstanding. It reports whether
// the client did not wait for the rest of an answer.
func (t *Turns) Ask(outstanding int) (overtakes bool) {
	if outstanding == 0 {
		t.waits = t.waits || t.batch > 1
		t.batch, t.spoke = 0, false
	}
	t.batch++
	t.answered, t.rest = false, 0
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
func (t *Turns) Lose() { t.answered, t.rest, t.batch = false, 0, 0 }

// MayResume reports whether a request now has no other before it that is
// unanswered.
func (t *Turns) MayResume() bool {
	return t.answered && !t.interleaves && (!t.pipelined || t.waits)
}

// Resume reports whether pairing resumes with the request that begins now: for
// certain, or on trial. With unseen, bytes of answers passed that were not seen.
//
// On trial, nothing that is paired is reported. Requests that were outstanding after
// all show as answers that no request explains. To remain hidden they would have to
// be outstanding at each rest, as many of them as before, and longer than the server
// took for any other answer.
func (t *Turns) Resume(unseen bool) bool {
	certain := t.MayResume()
	if !certain && (unseen || !t.rested()) {
		return false
	}
	if t.trial = 0; !certain {
		t.trial = restsOfTrial
	}
	t.rest = 0
	return true
}

func (t *Turns) rested() bool {
	return t.answered && t.rest >= max(minRest, restFactor*t.slowest)
}

// Balance notes that a request begins while none is outstanding, all requests and
// answers since pairing resumed having been seen.
func (t *Turns) Balance() {
	if t.trial > 0 && t.rested() {
		t.trial--
		t.rest = 0
	}
}

// Certain reports whether pairing is not on trial.
func (t *Turns) Certain() bool { return t.trial == 0 }

// Rest notes that the connection is known to be at rest.
func (t *Turns) Rest() { t.answered, t.trial = true, 0 }
