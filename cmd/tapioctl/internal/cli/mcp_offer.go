// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// offer adds to a server the tools, prompts and resources of the remote one, each of
// which is relayed to it.
func offer(ctx context.Context, server *mcp.Server, session *mcp.ClientSession, remote *remoteMCP) error {
	for tool, err := range session.Tools(ctx, nil) {
		if err != nil {
			return err
		}
		server.AddTool(tool, func(ctx context.Context, req *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			return relayMCP(ctx, remote, func(s *mcp.ClientSession) (*mcp.CallToolResult, error) {
				return s.CallTool(ctx, &mcp.CallToolParams{Name: req.Params.Name, Arguments: req.Params.Arguments})
			})
		})
	}
	for prompt, err := range session.Prompts(ctx, nil) {
		if err != nil {
			return err
		}
		server.AddPrompt(prompt, func(ctx context.Context, req *mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
			return relayMCP(ctx, remote, func(s *mcp.ClientSession) (*mcp.GetPromptResult, error) {
				return s.GetPrompt(ctx, &mcp.GetPromptParams{Name: req.Params.Name, Arguments: req.Params.Arguments})
			})
		})
	}
	for template, err := range session.ResourceTemplates(ctx, nil) {
		if err != nil {
			return err
		}
		server.AddResourceTemplate(template, func(ctx context.Context, req *mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) {
			return relayMCP(ctx, remote, func(s *mcp.ClientSession) (*mcp.ReadResourceResult, error) {
				return s.ReadResource(ctx, &mcp.ReadResourceParams{URI: req.Params.URI})
			})
		})
	}
	return nil
}
