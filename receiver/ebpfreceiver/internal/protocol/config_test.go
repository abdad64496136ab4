//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protocol

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestStalledAfterIsOffOrLongEnough(t *testing.T) {
	for _, c := range []interface{ Validate() error }{
		&HTTPConfig{}, &HTTPConfig{StalledAfter: time.Second}, &DatabaseConfig{}, &DatabaseConfig{StalledAfter: time.Minute},
	} {
		assert.NoError(t, c.Validate())
	}
	for _, c := range []interface{ Validate() error }{&HTTPConfig{StalledAfter: time.Millisecond}, &DatabaseConfig{StalledAfter: -time.Second}} {
		assert.ErrorContains(t, c.Validate(), "stalled_after: must be 0 or 1s or more, is ")
	}
}
