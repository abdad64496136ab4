// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/correlate/baseline"
	"github.com/tapio/tapio/internal/correlate/origin"
)

// One of two processes is wrong: that is their node's only if the other one is known to run
// on another node.
func TestASliceIsItsNodesOnlyIfTheOthersRunElsewhere(t *testing.T) {
	process := dimensions()[1]
	require.Equal(t, origin.InstanceKey, process.key)
	for other, want := range map[string]string{"n2": "n1", "n1": "", "": ""} {
		instances := []*instance{{id: "a", node: "n1"}, {id: "b", node: other}}
		counts := []baseline.Count{{N: 100, Hits: 90}, {N: 100, Hits: 1}}
		part := sliceWhere(instances, counts, baseline.Count{N: 200, Hits: 91}, process, "a")
		require.NotNil(t, part)
		assert.Equal(t, "n1", part.node)
		suspect := &suspect{signs: []*sign{{part: part}}}
		assert.Equal(t, want, suspect.where(false), "the other one runs on %q", other)
		assert.Empty(t, suspect.where(true), "no zone is known")
	}
}

// Two services are wrong on one node alone, and a third one runs nowhere else: the node is at fault, also if who
// calls them is slow as well. Not if one of them calls the other, or if others are wrong elsewhere.
func TestANodeIsFoundByServicesThatAreWellElsewhere(t *testing.T) {
	e, err := New(Config{})
	require.NoError(t, err)
	e.time.Now = begin
	for name, node := range map[string]string{"mail": "n1", "shop": "n2", "bank": "n3"} {
		e.graph.service(&origin.Origin{Service: name, Node: node}).runsAt(&origin.Origin{Node: node})
	}
	onN1 := &sign{part: &slice{node: "n1", ownNode: true, of: 1, all: 3}}
	orders := &suspect{service: "orders", signs: []*sign{onN1}}
	stock := &suspect{service: "stock", signs: []*sign{onN1}}
	mail, shop, bank := &suspect{service: "mail"}, &suspect{service: "shop", callees: []string{"orders"}}, &suspect{service: "bank"}

	p := e.divider.sliced([]*suspect{orders, stock, mail, shop})
	require.NotNil(t, p)
	assert.Equal(t, "n1", p.name)
	assert.Equal(t, []string{"mail", "orders", "stock"}, p.hit)
	assert.Nil(t, e.divider.sliced([]*suspect{orders, stock, shop}), "two are no proof")
	other := &suspect{service: "other"}
	third := &suspect{service: "third"}
	assert.Nil(t, e.divider.sliced([]*suspect{orders, stock, mail, bank, other, third}), "as many are wrong elsewhere")
	stock.callees = []string{"orders"}
	assert.Nil(t, e.divider.sliced([]*suspect{orders, stock, mail, shop}), "one explains the other")
}

// Calls that fail with the address of one of several replicas name the replica.
func TestTheAddressThatFailingCallsNameIsTheInstance(t *testing.T) {
	for message, want := range map[string]string{
		"dial tcp 10.1.2.3:8080: i/o timeout":                    "10.1.2.3",
		"connect ECONNREFUSED 10.1.2.3:5432":                     "10.1.2.3",
		"dial tcp [fd00::7]:8080: connect: no route":             "fd00::7",
		"upstream (10.1.2.3) is gone":                            "10.1.2.3",
		"read tcp 10.9.9.9:3000->10.1.2.3:8080: reset":           "10.1.2.3",
		"dial tcp: lookup orders on 10.96.0.10:53: no such host": "",
		"dial tcp 127.0.0.1:7003: connect: connection refused":   "",
		"connect ECONNREFUSED ::1:7003":                          "",
		"timeout after 10.5 s":                                   "",
		"call of orders failed: context deadline exceeded.":      "",
	} {
		assert.Equal(t, want, addressIn(message), message)
	}
	e, err := New(Config{})
	require.NoError(t, err)
	e.time.Now = begin
	s := e.graph.service(&origin.Origin{Service: "orders"})
	for pod, address := range map[string]string{"orders-a": "10.1.2.3", "orders-b": "10.1.2.4"} {
		e.graph.instanceOf(s, &origin.Origin{Service: "orders", Pod: pod, Node: "n-" + pod, Address: address}, begin)
	}
	d := e.graph.dependency("web", "orders", "")
	for range minSlice - 1 {
		d.fails("10.1.2.3")
	}
	assert.Nil(t, instanceAt(e.topology, d, 0.3), "too few calls")
	d.fails("10.1.2.3")
	part := instanceAt(e.topology, d, 0.3)
	require.NotNil(t, part)
	assert.Equal(t, slice{kind: part.kind, key: "network.peer.address", name: "10.1.2.3", pod: "orders-a", node: "n-orders-a", of: 1, all: 2, share: 0.3}, *part)
	assert.Nil(t, instanceAt(e.topology, d, 1), "no call succeeds: all of the service fails")
	d.fails("10.1.2.4")
	assert.Nil(t, instanceAt(e.topology, d, 0.3), "both fail")
	one := e.graph.dependency("web", "orders-db", "SELECT")
	for range minSlice {
		one.fails("10.1.2.9")
	}
	assert.Nil(t, instanceAt(e.topology, one, 0.3), "no instances are known of a database")
}
