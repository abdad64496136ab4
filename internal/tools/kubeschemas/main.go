// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Command kubeschemas writes JSON schemas for kubeconform, one for each kind of object: those of Kubernetes from the
// OpenAPI description in its module, and those of custom resources from their definitions. Unknown fields are refused.
//
//	kubeschemas OUTPUT swagger.json [crd.yaml ...]
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"
)

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: kubeschemas OUTPUT swagger.json [crd.yaml ...]")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2], os.Args[3:]); err != nil {
		fmt.Fprintln(os.Stderr, "kubeschemas:", err)
		os.Exit(1)
	}
}

func run(output, swagger string, definitions []string) error {
	if err := os.MkdirAll(output, 0o755); err != nil {
		return err
	}
	if err := writeKubernetes(output, swagger); err != nil {
		return fmt.Errorf("%s: %w", swagger, err)
	}
	for _, file := range definitions {
		if err := writeCustom(output, file); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	return nil
}

// kind is a kind of object as OpenAPI's extension x-kubernetes-group-version-kind names it.
type kind struct{ Group, Version, Kind string }

// file is the name that kubeconform asks for: kind, first part of the group, version.
func (k kind) file() string {
	group, _, _ := strings.Cut(k.Group, ".")
	if group != "" {
		group += "-"
	}
	return strings.ToLower(k.Kind + "-" + group + k.Version + ".json")
}

func writeKubernetes(output, swagger string) error {
	text, err := os.ReadFile(swagger)
	if err != nil {
		return err
	}
	var description struct {
		Definitions map[string]map[string]any `json:"definitions"`
	}
	if err := json.Unmarshal(text, &description); err != nil {
		return err
	}
	for name, definition := range description.Definitions {
		kinds, err := kindsOf(definition)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		// Options of requests, such as DeleteOptions, belong to every group.
		if len(kinds) == 1 {
			reference := map[string]any{"$ref": "_definitions.json#/definitions/" + name}
			if err := write(filepath.Join(output, kinds[0].file()), reference); err != nil {
				return err
			}
		}
		strict(definition)
	}
	return write(filepath.Join(output, "_definitions.json"), map[string]any{"definitions": description.Definitions})
}

func kindsOf(definition map[string]any) (kinds []kind, err error) {
	text, err := json.Marshal(definition["x-kubernetes-group-version-kind"])
	if err != nil {
		return nil, err
	}
	return kinds, json.Unmarshal(text, &kinds)
}

// writeCustom writes a schema for each version of a CustomResourceDefinition.
func writeCustom(output, file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var definition struct {
		Spec struct {
			Group    string
			Names    struct{ Kind string }
			Versions []struct {
				Name   string
				Schema struct {
					OpenAPI map[string]any `yaml:"openAPIV3Schema"`
				}
			}
		}
	}
	if err := yaml.Unmarshal(text, &definition); err != nil {
		return err
	}
	for _, version := range definition.Spec.Versions {
		properties, ok := version.Schema.OpenAPI["properties"].(map[string]any)
		if !ok {
			return fmt.Errorf("version %s has no schema", version.Name)
		}
		// The definition leaves what every object has to Kubernetes.
		properties["metadata"] = map[string]any{"$ref": "_definitions.json#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"}
		strict(version.Schema.OpenAPI)
		name := kind{definition.Spec.Group, version.Name, definition.Spec.Names.Kind}.file()
		if err := write(filepath.Join(output, name), version.Schema.OpenAPI); err != nil {
			return err
		}
	}
	return nil
}

// strict refuses unknown fields, and translates what OpenAPI and JSON schema express differently.
func strict(schema map[string]any) {
	properties, _ := schema["properties"].(map[string]any)
	if _, open := schema["additionalProperties"]; len(properties) > 0 && !open && schema["x-kubernetes-preserve-unknown-fields"] != true {
		schema["additionalProperties"] = false
	}
	if schema["format"] == "int-or-string" || schema["x-kubernetes-int-or-string"] == true {
		schema["type"] = []any{"string", "integer"}
	}
	if text, _ := schema["description"].(string); strings.HasPrefix(text, "Quantity is a fixed-point representation") {
		schema["type"] = []any{"string", "number"}
	}
	if reference, _ := schema["$ref"].(string); strings.HasPrefix(reference, "#/definitions/") {
		schema["$ref"] = "_definitions.json" + reference
	}
	delete(schema, "format")
	delete(schema, "description")
	for _, property := range properties {
		strictBelow(property)
	}
	for _, key := range []string{"items", "additionalProperties"} {
		strictBelow(schema[key])
	}
}

func strictBelow(schema any) {
	if below, ok := schema.(map[string]any); ok {
		strict(below)
	}
}

func write(file string, schema map[string]any) error {
	text, err := json.Marshal(schema)
	if err != nil {
		return err
	}
	return os.WriteFile(file, text, 0o644)
}
