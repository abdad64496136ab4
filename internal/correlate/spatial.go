// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"fmt"

	"github.com/tapio/tapio/internal/model"
)

// spatial correlates anomalies in one pod, of different services on one node or in one zone (which is
// then a suspected cause), and of related processes.
func spatial(de *describer, g *group, signs []*sign) []*model.Correlation {
	byPod := inOrder(signs, func(s *sign) string { return s.pod })
	list := append(sameZone(de, g, signs), sameTree(de, g, signs)...)
	for _, part := range byPod {
		if len(part) > 1 {
			list = append(list, de.joined(g, model.CorrelationSpatial, "same_pod", part, 1,
				fmt.Sprintf("%d changes in pod %s", len(part), part[0].pod)))
		}
	}
	for _, part := range inOrder(signs, func(s *sign) string { return s.node }) {
		if services := inOrder(part, func(s *sign) string { return s.key.service }); len(services) > 1 {
			list = append(list, de.joined(g, model.CorrelationSpatial, "same_node", part, 0.5,
				fmt.Sprintf("%d services on node %s changed together", len(services), part[0].node)))
		}
	}
	return list
}

// sameZone correlates services of one availability zone while services in other zones are healthy. The
// score grows with the share of the zone's services that are affected.
func sameZone(de *describer, g *group, signs []*sign) []*model.Correlation {
	zoneOf := func(s *sign) string { return de.topology.serviceNamed(s.key.service).zone }
	var list []*model.Correlation
	for _, part := range inOrder(signs, zoneOf) {
		zone := zoneOf(part[0])
		hit := inOrder(part, func(s *sign) string { return s.key.service })
		inside, outside := de.topology.servicesByZone(zone)
		if len(hit) < 2 || outside == 0 {
			continue
		}
		list = append(list, de.joined(g, model.CorrelationSpatial, "same_zone", part, float64(len(hit))/float64(max(inside, 1)),
			fmt.Sprintf("%d of %d services in zone %s changed together", len(hit), inside, zone)))
	}
	return list
}

// servicesByZone counts the services in a zone and in others.
func (t *topology) servicesByZone(zone string) (inside, outside int) {
	for _, s := range t.graph.services.All() {
		switch (*s).zone {
		case "":
		case zone:
			inside++
		default:
			outside++
		}
	}
	return inside, outside
}

// inOrder groups anomalies by a key, in order of appearance, without those that have none.
func inOrder(signs []*sign, key func(*sign) string) [][]*sign {
	var parts [][]*sign
	places := map[string]int{}
	for _, s := range signs {
		k := key(s)
		if k == "" {
			continue
		}
		at, found := places[k]
		if !found {
			at = len(parts)
			places[k] = at
			parts = append(parts, nil)
		}
		parts[at] = append(parts[at], s)
	}
	return parts
}
