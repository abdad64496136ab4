// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package query

// LoopError is that a query came back to a server that had passed it on.
type LoopError struct {
	// Server is the ID of that server.
	Server string
	// Self is that the server passed it on to itself, not to a member that did.
	Self bool
}

// Error implements error.
func (e *LoopError) Error() string {
	if e.Self {
		return "the server is a member of itself: remove its own address from members::endpoints and members::dns of the tapio extension"
	}
	return "the members form a loop, a server reads from the one that reads from it: " +
		"remove one of the two from members::endpoints or members::dns of the other one's tapio extension"
}
