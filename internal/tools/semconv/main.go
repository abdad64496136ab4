// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Command semconv writes the Go constants and the reference of the names in a
// registry of semantic conventions, in the format of OpenTelemetry's weaver.
//
//	semconv registry/ names.go semantic-conventions.md
package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "semconv:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 3 {
		return errors.New("missing arguments: the folder of the registry, the Go file and the Markdown file to write")
	}
	r, err := readRegistry(args[0])
	if err != nil {
		return err
	}
	code, err := r.goFile()
	if err != nil {
		return err
	}
	if err := os.WriteFile(args[1], code, 0o644); err != nil {
		return err
	}
	return os.WriteFile(args[2], r.markdown(), 0o644)
}

// registry is all files of the registry together.
type registry struct {
	Groups  []group `yaml:"groups"`
	Imports struct {
		Metrics []string `yaml:"metrics"`
		Events  []string `yaml:"events"`
	} `yaml:"imports"`
}

// group is a set of attributes, a metric or an event.
type group struct {
	ID          string      `yaml:"id"`
	Type        string      `yaml:"type"`
	Name        string      `yaml:"name"`        // of an event
	MetricName  string      `yaml:"metric_name"` // of a metric
	DisplayName string      `yaml:"display_name"`
	Stability   string      `yaml:"stability"`
	Brief       string      `yaml:"brief"`
	Instrument  string      `yaml:"instrument"`
	Unit        string      `yaml:"unit"`
	Attributes  []attribute `yaml:"attributes"`
}

// attribute defines a name with ID, or refers to one that is defined elsewhere with Ref.
type attribute struct {
	ID        string   `yaml:"id"`
	Ref       string   `yaml:"ref"`
	Type      string   `yaml:"type"`
	Stability string   `yaml:"stability"`
	Brief     string   `yaml:"brief"`
	Examples  []string `yaml:"examples"`
}

func readRegistry(folder string) (registry, error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.yaml"))
	if err != nil {
		return registry{}, err
	}
	var all registry
	for _, file := range files {
		if filepath.Base(file) == "registry_manifest.yaml" {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return registry{}, err
		}
		var one registry
		decoder := yaml.NewDecoder(strings.NewReader(string(text)))
		decoder.KnownFields(true)
		if err := decoder.Decode(&one); err != nil {
			return registry{}, fmt.Errorf("%s: %w", file, err)
		}
		all.Groups = append(all.Groups, one.Groups...)
		all.Imports.Metrics = append(all.Imports.Metrics, one.Imports.Metrics...)
		all.Imports.Events = append(all.Imports.Events, one.Imports.Events...)
	}
	return all, all.check()
}

// check reports names that are defined twice or not at all, and definitions without a description.
func (r registry) check() error {
	var faults []error
	defined := map[string]bool{}
	for _, g := range r.Groups {
		if g.Brief == "" {
			faults = append(faults, fmt.Errorf("group %s has no brief", g.ID))
		}
		for _, a := range g.Attributes {
			if a.ID == "" && g.Type == "attribute_group" {
				defined[a.Ref] = true
			}
			if a.ID == "" {
				continue
			}
			if defined[a.ID] {
				faults = append(faults, fmt.Errorf("attribute %s is defined twice", a.ID))
			}
			defined[a.ID] = true
			if a.Brief == "" || a.Type == "" {
				faults = append(faults, fmt.Errorf("attribute %s has no brief or no type", a.ID))
			}
		}
	}
	for _, g := range r.Groups {
		for _, a := range g.Attributes {
			if a.Ref != "" && !defined[a.Ref] {
				faults = append(faults, fmt.Errorf("group %s refers to attribute %s, which is not defined", g.ID, a.Ref))
			}
		}
	}
	return errors.Join(faults...)
}

// name of what a group defines, with the names of a kind sorted.
func (r registry) of(kind string) []group {
	var found []group
	for _, g := range r.Groups {
		if g.Type == kind {
			g.Name = cmp.Or(g.Name, g.MetricName)
			found = append(found, g)
		}
	}
	slices.SortStableFunc(found, func(a, b group) int { return cmp.Compare(a.Name, b.Name) })
	return found
}
