// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package segment

import "github.com/tapio/tapio/internal/model"

// labelPlaces has, for each shape, scope and resource of a segment, what it contains
// of one label. It comes to what model.Labels.Get does for a row, of which the
// numbers are enough here.
type labelPlaces struct {
	shapes, scopes, resources []labelPlace
	absent                    labelPlace // of a row that has the label nowhere
}

// labelPlace is where a label was found. The lower of two ranks decides; of equal
// ones, the record goes before its scope and that before its resource.
type labelPlace struct {
	rank  int  // the name's place among those the label may have
	holds bool // the condition, unless a field decides
	field int  // the field whose value decides; -1: none
}

const noField = -1

func newLabelPlaces(d *Dictionary, c *labelCondition) labelPlaces {
	special, nowhere := len(c.names), len(c.names)+1
	p := labelPlaces{
		shapes:    make([]labelPlace, len(d.shapes)),
		scopes:    make([]labelPlace, len(d.Scopes)),
		resources: make([]labelPlace, len(d.Resources)),
		absent:    labelPlace{rank: nowhere, field: noField, holds: c.selector.Holds(model.Value{}, false)},
	}
	for i := range p.shapes {
		p.shapes[i] = c.placeInShape(d, d.shapes[i], p.absent)
	}
	for i, resource := range d.Resources {
		p.resources[i] = c.placeIn(model.Labels{Resource: resource}, p.absent)
	}
	for i, scope := range d.Scopes {
		labels := model.Labels{Scope: scope}
		p.scopes[i] = c.placeIn(labels, p.absent)
		if name, found := labels.Get(c.selector.Key); found && p.scopes[i].rank == nowhere { // that of the scope itself
			p.scopes[i] = labelPlace{rank: special, field: noField, holds: c.selector.Holds(name, true)}
		}
	}
	return p
}

// placeInShape finds the label among the attributes of a record.
func (c *labelCondition) placeInShape(d *Dictionary, s shape, absent labelPlace) labelPlace {
	for rank, name := range c.names {
		for _, f := range s {
			if d.Strings[f.Key] == name {
				return labelPlace{rank: rank, field: f.column}
			}
		}
	}
	return absent
}

// placeIn finds the label among attributes that many records share.
func (c *labelCondition) placeIn(labels model.Labels, absent labelPlace) labelPlace {
	for rank, name := range c.names {
		if v, found := labels.Attribute(name); found {
			return labelPlace{rank: rank, field: noField, holds: c.selector.Holds(v, true)}
		}
	}
	return absent
}

// of returns what decides for a row.
func (p *labelPlaces) of(shape, scope, resource uint64) labelPlace {
	decides := p.shapes[shape]
	if other := p.scopes[scope]; other.rank < decides.rank {
		decides = other
	}
	if other := p.resources[resource]; other.rank < decides.rank {
		decides = other
	}
	return decides
}

// mayHoldShared reports whether the condition may hold for a row whatever its
// fields: by its scope or resource, or because it has the label nowhere.
func (p *labelPlaces) mayHoldShared() bool {
	last := 0 // of the shapes
	for _, place := range p.shapes {
		last = max(last, place.rank)
	}
	everywhere := last < p.absent.rank
	for _, shared := range [...][]labelPlace{p.scopes, p.resources} {
		all := true
		for _, place := range shared {
			if place.rank < last && place.holds {
				return true
			}
			all = all && place.rank < p.absent.rank
		}
		everywhere = everywhere || all
	}
	return p.absent.holds && !everywhere
}
