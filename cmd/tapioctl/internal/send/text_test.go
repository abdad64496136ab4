// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package send

import (
	"bufio"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/cmd/tapioctl/internal/app"
	"github.com/tapio/tapio/cmd/tapioctl/internal/render"
)

// Of a line without end no more is kept than the longest line may have.
func TestTextInputKeepsNoMoreThanALine(t *testing.T) {
	input := &textInput{
		App: &app.App{Out: render.NewOutput(io.Discard, io.Discard, false, time.Now)}, name: "f", flags: &sendFlags{}, longest: 100_000,
		lines: bufio.NewReader(strings.NewReader("a\n" + strings.Repeat("x", 300_000) + "\nb")),
	}
	var got []string
	for {
		item, err := input.Next()
		if err != nil {
			require.ErrorIs(t, err, io.EOF)
			break
		}
		for _, event := range item.events {
			got = append(got, event.GetLogRecord().GetBody().GetStringValue())
		}
		for _, part := range item.skipped {
			got = append(got, item.at.String()+" "+part.reason)
		}
	}
	assert.Equal(t, []string{"a", "f:2 too long", "b"}, got)
}
