// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import "slices"

// split parts a group whose evidence turns out to be of two faults: what was held
// for an effect of its cause has by now a fault that no other service can give
// it. That two only fall apart because what connected them is over is no reason,
// nor is that they are dated anew: it was one cause.
func (e *Engine) split(found []*incident) {
	for i, in := range found {
		for _, other := range found[:i] {
			if g := e.ranksBoth(in, other); g != nil && in.suspects[0].independent() && other.suspects[0].independent() {
				e.part(g, in, other)
				break
			}
		}
	}
}

// ranksBoth is the group that was told with the causes of both incidents in it.
func (e *Engine) ranksBoth(a, b *incident) *group {
	at := slices.IndexFunc(e.groups, func(g *group) bool {
		return g.into == "" && g.revision > 0 && g.concerns(a.suspects[0].service) && g.concerns(b.suspects[0].service)
	})
	if at < 0 {
		return nil
	}
	return e.groups[at]
}

// part makes a group of its own of the incident, with all that the group held of
// its services and the other incident does not explain. The rest stays.
func (e *Engine) part(g *group, in, other *incident) {
	made := e.open(in)
	if made == nil {
		return
	}
	made.from, g.changed = g.id, true
	for _, s := range in.suspects {
		if slices.ContainsFunc(other.suspects, func(o *suspect) bool { return o.service == s.service }) {
			continue
		}
		g.ranking = slices.DeleteFunc(g.ranking, func(r ranked) bool { return r.service == s.service })
		for key, blamed := range g.blamed {
			if blamed == s.service {
				made.join(g.members[key], blamed)
				delete(g.members, key)
				delete(g.blamed, key)
			}
		}
	}
}

// partOfAnother reports whether the incident is that of a group which was parted
// from this one, or which this one was parted from: a victim that both share does
// not make them one again.
func (e *Engine) partOfAnother(g *group, in *incident) bool {
	root := in.suspects[0].service
	return !g.concerns(root) && slices.ContainsFunc(e.groups, func(o *group) bool {
		return (o.from == g.id || g.from == o.id) && o.concerns(root)
	})
}
