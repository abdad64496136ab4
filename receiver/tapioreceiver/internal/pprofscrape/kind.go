// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package pprofscrape

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tapio/tapio/internal/model"
)

// Kind is a profile that net/http/pprof serves.
type Kind string

// The kinds.
const (
	CPU       Kind = "cpu"
	Heap      Kind = "heap"
	Allocs    Kind = "allocs"
	Mutex     Kind = "mutex"
	Block     Kind = "block"
	Goroutine Kind = "goroutine"
)

// Kinds are all of them.
func Kinds() []Kind { return []Kind{CPU, Heap, Allocs, Mutex, Block, Goroutine} }

// Check refuses what is no kind.
func (k Kind) Check() error {
	if slices.Contains(Kinds(), k) {
		return nil
	}
	var names []string
	for _, one := range Kinds() {
		names = append(names, string(one))
	}
	return fmt.Errorf("unknown profile %q: use %s", k, strings.Join(names, ", "))
}

// cumulative reports whether the program counts from its start.
func (k Kind) cumulative() bool { return k == Allocs || k == Mutex || k == Block }

// selected returns the profiles of the sample types that the kind is for, under names that
// no other kind has.
func (k Kind) selected(profiles []model.Profile) (list []model.Profile) {
	for i := range profiles {
		p := profiles[i]
		switch name := p.Type.Name; k {
		case CPU:
			if name != "cpu" { // the samples are the same, counted
				continue
			}
		case Heap:
			if !strings.HasPrefix(name, "inuse_") {
				continue
			}
		case Allocs:
			if !strings.HasPrefix(name, "alloc_") {
				continue
			}
		case Mutex, Block:
			if name == "contentions" {
				p.Type.Name = string(k) + "_count"
			} else {
				p.Type.Name = string(k) + "_duration"
			}
		case Goroutine:
		}
		list = append(list, p)
	}
	return list
}
