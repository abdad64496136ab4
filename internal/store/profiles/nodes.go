// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profiles

// node is a stack: that of its parent, and one frame more towards the leaf.
type node struct{ parent, frame uint32 }

// nodes are the tree of stacks. The first one is its root; parents come before their
// children.
type nodes struct{ parents, frames column }

func newNodes() (n nodes) {
	n.append(node{})
	return n
}

func (n *nodes) len() int { return n.parents.len() }

func (n *nodes) at(i uint32) node { return node{n.parents.at(i), n.frames.at(i)} }

func (n *nodes) is(i uint32, of node) bool {
	return n.frames.at(i) == of.frame && n.parents.at(i) == of.parent
}

func (n *nodes) append(of node) {
	n.parents.append(of.parent)
	n.frames.append(of.frame)
}

func (n *nodes) size() int64 { return n.parents.size() + n.frames.size() }

func (n *nodes) compact() {
	n.parents.compact()
	n.frames.compact()
}

// child returns the node of a frame that the one of parent called.
func (v *volume) child(parent, frame uint32) uint32 {
	return intern(&v.lookup.nodes, &v.nodes, node{parent, frame})
}

// stack returns the place of the stack that ends at a node.
func (v *volume) stack(leaf uint32) uint32 { return intern(&v.lookup.stacks, &v.stacks, leaf) }
