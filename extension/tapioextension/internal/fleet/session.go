// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package fleet

// Session is what an agent of OpAMP leaves out of its messages once it has said it.
type Session struct {
	// Sequence is the number of its latest message.
	Sequence uint64
	// ConfigHash is the hash of the configuration that it has, "" for none.
	ConfigHash string
	// Connection identifies the connection that its latest message came by.
	Connection *byte
}

// UpdateSession calls update with the session of a member, if it is one.
func (r *Registry) UpdateSession(id string, update func(*Session)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if m, found := r.members[id]; found {
		update(&m.session)
	}
}
