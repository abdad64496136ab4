// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package probe

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestSecretsInCommandLinesAreHidden(t *testing.T) {
	r := newRedactor(DefaultProcessConfig().Redact)
	for arg, want := range map[string]string{
		"--password=hunter2":                   "--password=***",
		"API_KEY=abc":                          "API_KEY=***",
		"postgres://shop:s3cret@db:5432/x":     "postgres://shop:***@db:5432/x",
		"Authorization: Bearer eyJhbGciOi.x.y": "Authorization: Bearer ***",
		"--verbose":                            "--verbose",
		"http://localhost:8080/a@b":            "http://localhost:8080/a@b",
	} {
		assert.Equal(t, want, r.text(arg))
	}
}

func TestTheValueBehindAFlagIsHiddenToo(t *testing.T) {
	r := newRedactor(DefaultProcessConfig().Redact)
	for _, of := range []struct{ before, arg, want string }{
		{"--password", "hunter2", "***"},
		{"-api-key", "abc", "***"},
		{"--user", "shop", "shop"},
		{"--url", "postgres://shop:s3cret@db/x", "postgres://shop:***@db/x"},
		{"--token-file", "/run/token", "/run/token"},
		{"password", "hunter2", "hunter2"},
		{"--token=abc", "next", "next"},
		{"", "TOKEN=abc", "TOKEN=***"},
	} {
		assert.Equal(t, of.want, r.after(of.before, of.arg), "%v", of)
	}
	assert.Equal(t, "***", newRedactor([]string{"--pin=[0-9]+"}).after("--pin", "1234"), "the pattern has no group")
}
