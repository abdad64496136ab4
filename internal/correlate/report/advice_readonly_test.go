// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestCommandsThatOnlyReadAreMarked(t *testing.T) {
	assert.True(t, readOnly([]string{"ss -tin state established", "kubectl -n shop get pods -o wide"}))
	assert.True(t, readOnly([]string{"kubectl -n shop rollout history deployment/cart"}))
	assert.False(t, readOnly([]string{"kubectl -n shop get pods", "kubectl -n shop rollout restart deployment/cart"}))
	assert.False(t, readOnly([]string{"kubectl cordon node-1"}))
	assert.False(t, readOnly(nil), "nothing that could be run")
}
