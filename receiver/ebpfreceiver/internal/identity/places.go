//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"os"
	"path/filepath"
	"strconv"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// placeTable knows the places that there are.
type placeTable struct {
	root     string // of /proc
	byCgroup *simplelru.LRU[uint64, *Place]
	// interned holds each place once, so that its address stands for it.
	interned *simplelru.LRU[Place, *Place]
	host     *Place
}

func newPlaceTable(root string) *placeTable {
	return &placeTable{root: root, byCgroup: newLRU[uint64, *Place](maxPlaces), interned: newLRU[Place, *Place](maxInterned), host: &Place{}}
}

// Host is the place of what belongs to no process.
func (p *placeTable) Host() *Place { return p.host }

// Place returns the place with that cgroup id. The process, unless 0, is one
// that was there, and is asked if the place is new; if it has gone, or on to
// another place, the file system of cgroups is searched.
func (p *placeTable) Place(cgroup uint64, pid uint32) *Place {
	if place, ok := p.byCgroup.Get(cgroup); ok {
		return place
	}
	cgroups, err := os.ReadFile(filepath.Join(p.root, strconv.FormatUint(uint64(pid), 10), "cgroup"))
	asked := pid != 0 && err == nil
	if cgroup == 0 {
		if !asked {
			return p.host
		}
		return p.Intern(PlaceOf(string(cgroups)))
	}
	place := p.Intern(p.newPlace(cgroup, string(cgroups), asked))
	p.byCgroup.Add(cgroup, place)
	return place
}

// newPlace believes /proc where the file system of cgroups does not know better,
// as in a container that sees its own part of it only.
func (p *placeTable) newPlace(cgroup uint64, cgroups string, asked bool) Place {
	mount, mounted := mountOf(p.root, cgroup)
	if asked && (!mounted || isIn(mount, cgroups, cgroup)) {
		return PlaceOf(cgroups)
	}
	if mounted {
		if path := pathOfCgroup(mount, cgroup); path != "" || !asked {
			return PlaceOfPath(path)
		}
	}
	return PlaceOf(cgroups)
}

// Intern returns the one copy of a place, so that its address stands for it.
func (p *placeTable) Intern(place Place) *Place {
	if known, ok := p.interned.Get(place); ok {
		return known
	}
	p.interned.Add(place, &place)
	return &place
}
