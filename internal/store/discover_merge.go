// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"strings"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/store/segment"
)

// merge adds the services of a segment that are selected.
func (t *serviceTallies) merge(other *serviceTallies, selected func(string) bool) error {
	for name, from := range other.tallies {
		if !selected(name) {
			continue
		}
		to, known := t.tallies[name]
		if !known {
			if err := t.account.Take(tallyBytes + int64(len(name))); err != nil {
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
func (t *tally) mergeLabels(other *segmentLabels, prefix string, signal model.Signal) error {
	for name, from := range other.byName {
		if strings.HasPrefix(name, dimensionMark) || !strings.HasPrefix(name, prefix) {
			continue
		}
		if err := t.add(name, from.records, signal); err != nil {
			return err
		}
	}
	return nil
}

// mergeValues adds the values of a label in a segment; false if the segment does not
// know them all.
func (t *tally) mergeValues(other *segmentLabels, key model.LabelKey, prefix string, signal model.Signal) (bool, error) {
	found, known := other.find(key)
	if !known {
		return false, nil
	}
	for _, from := range found {
		err := from.each(func(value string, n uint64) error {
			if !strings.HasPrefix(value, prefix) {
				return nil
			}
			return t.add(value, n, signal)
		})
		if err != nil {
			return false, err
		}
	}
	return true, nil
}

// find returns what a summary knows of a label and of the dimension of its name;
// known is false if rows must be looked at.
func (t *segmentLabels) find(key model.LabelKey) (found []*labelSummary, known bool) {
	if key.Name() == segment.ScopeKey {
		return nil, false // stands for the scope's name, too
	}
	for _, name := range key.Names() {
		if label := t.byName[name]; label != nil {
			found = append(found, label)
		}
	}
	if len(found) > 1 {
		return nil, false // of which one decides, row by row
	}
	if label := t.byName[dimensionMark+key.Name()]; label != nil {
		found = append(found, label)
	}
	for _, label := range found {
		if label.full {
			return nil, false
		}
	}
	return found, true
}

// merge adds a segment; false if it does not know all that is asked for.
func (t *facetTallies) merge(other *segmentLabels) (bool, error) {
	if t.asked == nil {
		return true, t.mergeAll(other)
	}
	all := make([][]*labelSummary, len(t.asked))
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
			if err := t.addSummary(tally, from); err != nil {
				return false, err
			}
		}
	}
	return true, nil
}

func (t *facetTallies) mergeAll(other *segmentLabels) error {
	t.total += other.total
	t.examined += other.total
	for name, from := range other.byName {
		to, err := t.label(name)
		if err != nil {
			return err
		}
		if err := t.addSummary(to, from); err != nil {
			return err
		}
	}
	return nil
}

func (t *facetTallies) addSummary(to *facetTally, from *labelSummary) error {
	if from.full { // there are more values than it knows
		to.full = true
		to.records += from.without()
	}
	return from.each(func(value string, n uint64) error { return t.count(to, value, n) })
}
