// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"fmt"
	"strings"
)

// Fault is one thing that can go wrong in the shop.
type Fault struct {
	// Name is the value of --fault.
	Name string
	// Description is what happens, in one phrase.
	Description string
	// service is the process at fault.
	service string
	// how it is brought about.
	how effect
}

// effect is how a fault is brought about.
type effect int

const (
	// switched faults are turned on and off in the running process.
	switched effect = iota
	// released ones are a new version of the service that carries the fault.
	released
	// stopped ones end the process and start it again when the fault is over.
	stopped
)

// badRelease is the version that a released fault comes with.
const badRelease = "1.5.0"

// The names of the faults.
const (
	dbSlow     = "payment-db-slow"
	dbDown     = "payment-db-down"
	badVersion = "bad-release"
	cacheDown  = "cache-down"
	bankErrors = "bank-errors"
	cpuBurn    = "cpu-burn"
	memoryLeak = "memory-leak"
	queueLag   = "queue-lag"
	crashLoop  = "crash-loop"
)

// Faults lists all faults in the order of the menu.
func Faults() []Fault {
	return []Fault{
		{dbSlow, "statements of the payments database take 0.8 s instead of 4 ms", database, switched},
		{dbDown, "the payments database is stopped", database, stopped},
		{badVersion, "checkout 1.5.0 is rolled out and fails for every third order", checkout, released},
		{cacheDown, "the cache of the carts is stopped", cache, stopped},
		{bankErrors, "the API of the bank answers 60% of the requests with 503", bank, switched},
		{cpuBurn, "inventory uses 250 ms of CPU time for a request instead of 1 ms", inventory, switched},
		{memoryLeak, "recommendation keeps 3 MiB of each request and is killed at 192 MiB", recommendation, switched},
		{queueLag, "shipping takes 2 s for an order instead of 20 ms, and the queue grows", shipping, switched},
		{crashLoop, "catalog panics seconds after each start", catalog, switched},
	}
}

// FindFault returns the fault of the name. The error lists all names.
func FindFault(name string) (Fault, error) {
	names := make([]string, 0, len(Faults()))
	for _, f := range Faults() {
		if f.Name == name {
			return f, nil
		}
		names = append(names, f.Name)
	}
	return Fault{}, fmt.Errorf("unknown fault %q: use one of %s", name, strings.Join(names, ", "))
}

// Menu describes the faults, one line each, with the key that turns each on and
// off.
func Menu() string {
	var b strings.Builder
	for i, f := range Faults() {
		fmt.Fprintf(&b, "  %d  %-16s %s\n", i+1, f.Name, f.Description)
	}
	return b.String()
}
