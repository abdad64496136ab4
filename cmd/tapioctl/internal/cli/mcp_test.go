// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/cmd/tapioctl/internal/app"
	"github.com/tapio/tapio/cmd/tapioctl/internal/exitcode"
	"github.com/tapio/tapio/cmd/tapioctl/internal/render"
)

// startMCP serves a tool, a prompt and a resource to those who have the token.
func startMCP(t *testing.T, token string) *httptest.Server {
	t.Helper()
	server := mcp.NewServer(&mcp.Implementation{Name: "fake", Version: "1"}, nil)
	server.AddTool(&mcp.Tool{Name: "echo", InputSchema: map[string]any{"type": "object"}},
		func(_ context.Context, req *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: string(req.Params.Arguments)}}}, nil
		})
	server.AddPrompt(&mcp.Prompt{Name: "triage"}, func(context.Context, *mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
		return &mcp.GetPromptResult{Description: "what to do"}, nil
	})
	server.AddResourceTemplate(&mcp.ResourceTemplate{Name: "trace", URITemplate: "tapio://traces/{id}"},
		func(_ context.Context, req *mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) {
			return &mcp.ReadResourceResult{Contents: []*mcp.ResourceContents{{URI: req.Params.URI, Text: "spans"}}}, nil
		})
	handler := mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server }, &mcp.StreamableHTTPOptions{Stateless: true, JSONResponse: true})
	listening := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+token {
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		handler.ServeHTTP(w, r)
	}))
	t.Cleanup(listening.Close)
	return listening
}

func TestMCPBridgesStandardInputAndOutput(t *testing.T) {
	listening := startMCP(t, "secret")
	in, toTool := io.Pipe()
	fromTool, out := io.Pipe()
	a := &app.App{
		Out: render.NewOutput(out, io.Discard, false, testNow), In: in,
		Environ: func(name string) string { return map[string]string{"TAPIO_TOKEN": "secret"}[name] },
	}
	ended := make(chan int, 1)
	go func() {
		ended <- runCommand(t.Context(), a, []string{"mcp", "--http-server", strings.TrimPrefix(listening.URL, "http://")})
	}()

	client := mcp.NewClient(&mcp.Implementation{Name: "agent", Version: "1"}, nil)
	session, err := client.Connect(t.Context(), &mcp.IOTransport{Reader: fromTool, Writer: toTool}, nil)
	require.NoError(t, err)
	called, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: "echo", Arguments: map[string]any{"a": 1}})
	require.NoError(t, err)
	assert.JSONEq(t, `{"a":1}`, called.Content[0].(*mcp.TextContent).Text)
	prompt, err := session.GetPrompt(t.Context(), &mcp.GetPromptParams{Name: "triage"})
	require.NoError(t, err)
	assert.Equal(t, "what to do", prompt.Description)
	read, err := session.ReadResource(t.Context(), &mcp.ReadResourceParams{URI: "tapio://traces/1"})
	require.NoError(t, err)
	assert.Equal(t, "spans", read.Contents[0].Text)

	require.NoError(t, session.Close())
	require.NoError(t, toTool.Close())
	assert.Equal(t, exitcode.OK, <-ended)
	http.DefaultClient.CloseIdleConnections()
}

func TestMCPNamesWhatIsWrong(t *testing.T) {
	listening := startMCP(t, "secret")
	for name, tc := range map[string]struct {
		args []string
		code int
		says string
	}{
		"wrong token": {[]string{"--http-server", strings.TrimPrefix(listening.URL, "http://"), "--token", "wrong"}, exitcode.Unreachable, "/mcp"},
		"no server":   {[]string{"--http-server", "localhost:1"}, exitcode.Unreachable, "localhost:1"},
		"a scheme":    {[]string{"--http-server", "http://localhost:1"}, exitcode.Usage, "without a scheme"},
		"no port":     {[]string{"--server", "unix:///run/tapio.sock"}, exitcode.Usage, "--http-server"},
	} {
		t.Run(name, func(t *testing.T) {
			var says strings.Builder
			a := &app.App{Out: render.NewOutput(io.Discard, &says, false, testNow), In: strings.NewReader(""), Environ: func(string) string { return "" }}
			assert.Equal(t, tc.code, runCommand(t.Context(), a, append([]string{"mcp"}, tc.args...)), says.String())
			assert.Contains(t, says.String(), tc.says)
		})
	}
}
