// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/cmd/tapioctl/internal/exitcode"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

func TestNotWithNothingToInvert(t *testing.T) {
	const always = "--not inverts --selector, --service, --namespace"
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"alone":     {[]string{"observe", "--not"}, always + ", --text, --severity and --event-name: give one of them"},
		"time":      {[]string{"get", "logs", "--not", "--since", "1h"}, "--severity and --event-name"},
		"events":    {[]string{"get", "events", "--not"}, "--severity and --event-name"},
		"name":      {[]string{"get", "metrics", "--not", "--name", "a"}, always + " and --text: give one of them"},
		"operation": {[]string{"get", "traces", "--not", "--operation", "a"}, always + " and --text"},
		"span":      {[]string{"get", "traces", "--not", "--error", "--min-duration", "1s"}, always + " and --text"},
		"export":    {[]string{"export", "metrics", "--not"}, always + " and --text"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newCLI(t, &fakeServer{}).run(t, test.args...)
			assert.Equal(t, exitcode.Usage, r.code)
			assert.Contains(t, r.errOut, test.want)
			assert.Empty(t, r.out)
		})
	}
}

func TestNotInvertsEachCondition(t *testing.T) {
	for _, condition := range [][]string{
		{"-l", "a"}, {"--service", "a"}, {"-n", "a"}, {"--text", "a"}, {"--severity", "warn"}, {"--event-name", "a"},
	} {
		var asked *tapiov1.Filter
		c := newCLI(t, &fakeServer{getLogs: func(r *tapiov1.GetLogsRequest) (*tapiov1.GetLogsResponse, error) {
			asked = r.GetFilter()
			return &tapiov1.GetLogsResponse{}, nil
		}})
		require.Equal(t, exitcode.OK, c.run(t, append([]string{"get", "logs", "--not"}, condition...)...).code)
		require.NotNil(t, asked)
		assert.True(t, asked.GetInvert(), "%v", condition)
	}
}
