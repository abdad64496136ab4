// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// hotspotsOf calls the tool of the MCP server.
func hotspotsOf(t *testing.T, c *Collector, arguments map[string]any) (data struct {
	Functions []struct {
		Function   string
		Self       int64
		SelfShare  float64 `json:"self_share"`
		SelfChange float64 `json:"self_change"`
		TotalShare float64 `json:"total_share"`
	}
	SampleType  string   `json:"sample_type"`
	SampleTypes []string `json:"sample_types"`
	Total       int64
	Bottlenecks []struct {
		Rule, Advice string
		Share        float64
		Functions    []string
	}
	Warnings []string
},
) {
	t.Helper()
	request, err := json.Marshal(map[string]any{
		"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": map[string]any{"name": "profile_hotspots", "arguments": arguments},
	})
	require.NoError(t, err)
	code, body := ask(t, "POST", "http://"+c.HTTP+"/mcp", "", string(request), mcpHeaders()...)
	require.Equal(t, http.StatusOK, code, body)
	var answer struct {
		Result struct {
			IsError bool
			Content []struct{ Text string }
		}
	}
	require.NoError(t, json.Unmarshal([]byte(body), &answer), body)
	require.False(t, answer.Result.IsError, body)
	var text struct {
		Data json.RawMessage `json:"untrusted_data"`
	}
	require.NoError(t, json.Unmarshal([]byte(answer.Result.Content[0].Text), &text))
	require.NoError(t, json.Unmarshal(text.Data, &data))
	return data
}

// An agent finds the costliest function, what grew against the time before, and what was
// measured where it asks for something else.
func TestAnAgentFindsTheHotspotsOfProfiles(t *testing.T) {
	t.Parallel()
	c := Start(t, withProfiles)
	upload := func(at time.Time, folded string) {
		t.Helper()
		code, body := ask(t, "POST", "http://"+c.HTTP+"/v1/profiles:upload?service=shop&format=folded&sample_type=cpu&sample_unit=nanoseconds&start_time="+
			at.UTC().Format(time.RFC3339), "", folded, "Content-Type", "application/octet-stream")
		require.Equal(t, http.StatusOK, code, body)
	}
	now := time.Now()
	upload(now.Add(-90*time.Minute), "main;serve;encode 600\nmain;serve;hash 400\n")
	upload(now.Add(-10*time.Minute), "main;serve;encode 600\nmain;serve;hash 1400\n")
	eventually(t, startLimit, func() bool { return hotspotsOf(t, c, map[string]any{"since": "3h"}).Total == 3000 }, "both profiles")
	got := hotspotsOf(t, c, map[string]any{"services": []string{"shop"}, "compare": true})
	require.Equal(t, "cpu", got.SampleType)
	require.Equal(t, "hash", got.Functions[0].Function)
	require.EqualValues(t, 1400, got.Functions[0].Self)
	require.InDelta(t, 0.7, got.Functions[0].SelfShare, 1e-9)
	require.InDelta(t, 1000, got.Functions[0].SelfChange, 1e-9)
	require.Len(t, got.Functions, 4)
	require.Len(t, hotspotsOf(t, c, map[string]any{"limit": 2}).Functions, 2)
	require.Empty(t, got.Bottlenecks)
	upload(now.Add(-5*time.Minute), "main;check;regexp.MustCompile 1000\n")
	slow := hotspotsOf(t, c, map[string]any{"since": "6m"})
	require.Len(t, slow.Bottlenecks, 1)
	require.Equal(t, "regexp-compile", slow.Bottlenecks[0].Rule)
	require.InDelta(t, 1, slow.Bottlenecks[0].Share, 1e-9)
	require.Equal(t, []string{"regexp.MustCompile"}, slow.Bottlenecks[0].Functions)
	require.NotEmpty(t, slow.Bottlenecks[0].Advice)
	other := hotspotsOf(t, c, map[string]any{"sample_type": "inuse_space"})
	require.Empty(t, other.Functions)
	require.Equal(t, []string{"cpu"}, other.SampleTypes)
}
