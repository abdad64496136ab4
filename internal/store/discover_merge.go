// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"strings"

	"github.com/tapio/tapio/internal/model"
)

// merge adds the services of a segment.
func (t *serviceTallies) merge(other *serviceTallies) error {
	for name, from := range other.tallies {
		to, known := t.tallies[name]
		if !known {
			if err := t.account.take(tallyBytes + int64(len(name))); err != nil {
				return err
			}
			to = &serviceTally{service: model.Service{Name: name}, namespaces: map[string]bool{}, instances: map[string]bool{}}
			t.tallies[name] = to
		}
		to.service.Signals |= from.service.Signals
		to.service.Logs += from.service.Logs
		to.service.ErrorLogs += from.service.ErrorLogs
		to.service.Spans += from.service.Spans
		to.extent.add(from.extent)
		to.own.merge(&from.own)
		to.seen.merge(&from.seen)
		for namespace := range from.namespaces {
			if err := t.note(to.namespaces, namespace); err != nil {
				return err
			}
		}
		for instance := range from.instances {
			if err := t.note(to.instances, instance); err != nil {
				return err
			}
		}
	}
	return nil
}

// mergeLabels adds the labels of a segment to those that begin with a prefix.
func (t *tally) mergeLabels(other *facetTallies, prefix string, signal model.Signal) error {
	for _, from := range other.byName {
		if from.isDimension() || !strings.HasPrefix(from.label, prefix) {
			continue
		}
		if err := t.add(from.label, from.records, signal); err != nil {
			return err
		}
	}
	return nil
}

// mergeValues adds the values of a label in a segment; false if the segment does not
// know them all.
func (t *tally) mergeValues(other *facetTallies, key model.LabelKey, prefix string, signal model.Signal) (bool, error) {
	found, known := other.find(key)
	if !known {
		return false, nil
	}
	for _, from := range found {
		for value, n := range from.values {
			if !strings.HasPrefix(value, prefix) {
				continue
			}
			if err := t.add(value, n, signal); err != nil {
				return false, err
			}
		}
	}
	return true, nil
}

// find returns what a summary knows of a label and of the dimension of its name;
// known is false if rows must be looked at.
func (t *facetTallies) find(key model.LabelKey) (found []*facetTally, known bool) {
	if key.Name() == scopeKey {
		return nil, false // stands for the scope's name, too
	}
	for _, name := range key.Names() {
		if tally := t.byName[name]; tally != nil {
			found = append(found, tally)
		}
	}
	if len(found) > 1 {
		return nil, false // of which one decides, row by row
	}
	if tally := t.byName[dimensionMark+key.Name()]; tally != nil {
		found = append(found, tally)
	}
	for _, tally := range found {
		if tally.full {
			return nil, false
		}
	}
	return found, true
}

// merge adds a segment; false if it does not know all that is asked for.
func (t *facetTallies) merge(other *facetTallies) (bool, error) {
	if t.asked == nil {
		return true, t.mergeAll(other)
	}
	all := make([][]*facetTally, len(t.asked))
	for i, tally := range t.asked {
		found, known := other.find(tally.key)
		if !known {
			return false, nil
		}
		all[i] = found
	}
	t.total += other.total
	t.examined += other.total
	for i, tally := range t.asked {
		for _, from := range all[i] {
			if err := t.addTally(tally, from); err != nil {
				return false, err
			}
		}
	}
	return true, nil
}

func (t *facetTallies) mergeAll(other *facetTallies) error {
	t.total += other.total
	t.examined += other.total
	for name, from := range other.byName {
		to, err := t.label(name)
		if err != nil {
			return err
		}
		if err := t.addTally(to, from); err != nil {
			return err
		}
	}
	return nil
}

// without is how many records have a value that was left out.
func (t *facetTally) without() uint64 {
	left := t.records
	for _, n := range t.values {
		left -= n
	}
	return left
}

func (t *facetTallies) addTally(to, from *facetTally) error {
	if from.full { // there are more values than it knows
		to.full = true
		to.records += from.without()
	}
	for value, n := range from.values {
		if err := t.count(to, value, n); err != nil {
			return err
		}
	}
	return nil
}

// mergeBlock adds a block of a segment to counts over time.
func (c *recordCounter) mergeBlock(s *summary, b int, bucket model.Nanos) error {
	for _, count := range s.blocks[b] {
		if err := c.add(c.groupOf(s.groups[count.group]), bucket, uint64(count.rows)); err != nil {
			return err
		}
	}
	return nil
}

// byGroup reports whether counts by block know the groups.
func (c *recordCounter) byGroup(s *summary) bool {
	switch c.query.GroupBy {
	case "", serviceKey:
		return true
	case "service":
		return s.labels.byName["service"] == nil
	case model.DimensionSeverity:
		return s.labels.byName[model.DimensionSeverity] == nil && c.query.Selection.Signal == model.SignalLogs
	default:
		return false
	}
}

func (c *recordCounter) groupOf(key groupKey) string {
	switch c.query.GroupBy {
	case "":
		return ""
	case model.DimensionSeverity:
		return key.severity
	default:
		return key.service
	}
}
