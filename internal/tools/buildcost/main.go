// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Command buildcost says what each component adds to a cold build: the CPU seconds of the packages that only it needs.
//
//	cd distribution
//	GOCACHE=$(mktemp -d) CGO_ENABLED=0 go build -trimpath -ldflags="-s -w" -debug-actiongraph=/tmp/graph.json -o /dev/null .
//	go run -C ../internal/tools ./buildcost </tmp/graph.json
//
// Arguments are groups to take away together, each a list of name endings: `buildcost kafkaexporter,kafkareceiver`.
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"os"
	"path"
	"slices"
	"strings"
)

// action is one node of the graph that `go build -debug-actiongraph` writes; times are in nanoseconds.
type action struct {
	ID              int
	Mode, Package   string
	Deps            []int
	CmdUser, CmdSys int64
}

func main() {
	var graph []action
	if err := json.NewDecoder(os.Stdin).Decode(&graph); err != nil {
		log.Fatalf("read the action graph: %v", err)
	}
	root := slices.IndexFunc(graph, func(a action) bool { return a.Mode == "build" })
	packages, total := cost(graph, root, nil)
	fmt.Printf("%6d packages %7.1f s CPU in all\n", packages, total)

	groups := os.Args[1:]
	if len(groups) == 0 {
		for _, id := range graph[root].Deps {
			if graph[id].Mode == "build" {
				groups = append(groups, "/"+path.Base(graph[id].Package))
			}
		}
	}
	for _, group := range groups {
		p, s := cost(graph, root, strings.Split(group, ","))
		if total-s >= 0.05 {
			fmt.Printf("%6d packages %7.1f s CPU only for %s\n", packages-p, total-s, strings.TrimPrefix(group, "/"))
		}
	}
}

// cost sums what root needs when the direct dependencies named in without are taken away.
func cost(graph []action, root int, without []string) (packages int, seconds float64) {
	seen := map[int]bool{root: true}
	for todo := []int{root}; len(todo) > 0; {
		a := graph[todo[len(todo)-1]]
		todo = todo[:len(todo)-1]
		packages++
		seconds += float64(a.CmdUser+a.CmdSys) / 1e9
		for _, id := range a.Deps {
			// Each build also depends on a look into the cache, which would bring what is gone back in.
			skip := graph[id].Mode != "build" || a.ID == root && slices.ContainsFunc(without, named(graph[id]))
			if !skip && !seen[id] {
				seen[id], todo = true, append(todo, id)
			}
		}
	}
	return packages, seconds
}

func named(a action) func(string) bool {
	return func(ending string) bool { return strings.HasSuffix(a.Package, ending) }
}
