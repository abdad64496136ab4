// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapio_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// shippedConfigurations are all that users start from.
func shippedConfigurations(t *testing.T) []string {
	t.Helper()
	var files []string
	for _, pattern := range []string{"distribution/config/*.yaml", "distribution/config/examples/*.yaml", "distribution/full/config/*.yaml"} {
		found, err := filepath.Glob(pattern)
		require.NoError(t, err)
		require.NotEmpty(t, found, pattern)
		files = append(files, found...)
	}
	return files
}

// The middleware of the tapio extension bounds the memory that a request takes while
// it is decoded; without max_request_body_size a request over HTTP can overflow the
// stack of its decoder. A configuration that does without says why.
func TestShippedOTLPReceiversAreBounded(t *testing.T) {
	receivers := 0
	for _, file := range shippedConfigurations(t) {
		source, err := os.ReadFile(file)
		require.NoError(t, err)
		var config yaml.Node
		require.NoError(t, yaml.Unmarshal(source, &config), file)
		for name, receiver := range children(child(config.Content[0], "receivers")) {
			if kind, _, _ := strings.Cut(name, "/"); kind != "otlp" {
				continue
			}
			receivers++
			protocols := child(receiver, "protocols")
			for protocol, settings := range children(protocols) {
				excused := strings.Contains(commentsOf(protocols)+commentsOf(settings), "No `middlewares`")
				bound := child(settings, "middlewares")
				assert.True(t, excused || bound != nil && child(bound.Content[0], "id").Value == "tapio",
					"%s: receivers::%s::protocols::%s: add `middlewares: [{id: tapio}]`, or a comment that says why not: No `middlewares`: ...",
					file, name, protocol)
				if protocol == "http" {
					assert.NotNil(t, child(settings, "max_request_body_size"), "%s: receivers::%s::protocols::http: add max_request_body_size", file, name)
				}
			}
		}
	}
	require.Greater(t, receivers, 10)
}

// children are the values of a mapping by key, none of another node.
func children(node *yaml.Node) map[string]*yaml.Node {
	values := map[string]*yaml.Node{}
	if node != nil && node.Kind == yaml.MappingNode {
		for i := 0; i < len(node.Content); i += 2 {
			values[node.Content[i].Value] = node.Content[i+1]
		}
	}
	return values
}

func child(node *yaml.Node, key string) *yaml.Node { return children(node)[key] }

// commentsOf are the comments in a mapping above and beside its keys.
func commentsOf(node *yaml.Node) string {
	comments := node.HeadComment + node.LineComment
	for _, part := range node.Content {
		if part.Kind == yaml.ScalarNode {
			comments += part.HeadComment + part.LineComment
		}
	}
	return comments
}
