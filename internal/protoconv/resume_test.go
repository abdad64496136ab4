// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protoconv

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestResumeToken(t *testing.T) {
	store := uint64(17)
	token := ResumeToken(store, 42)
	sequence, err := ReadResumeToken(store, token, "resume_token")
	require.NoError(t, err)
	assert.EqualValues(t, 42, sequence)
	sequence, err = ReadResumeToken(store+1, token, "resume_token")
	require.NoError(t, err)
	assert.Zero(t, sequence, "of another store everything is new")
	for _, bad := range []string{"x", token[:len(token)-2], "B" + token[1:], token + "AAAA"} {
		_, err = ReadResumeToken(store, bad, "resume_token")
		requireFault(t, err, "resume_token", "start again")
	}
}
