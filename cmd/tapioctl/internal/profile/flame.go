// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profile

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tapio/tapio/cmd/tapioctl/internal/app"
	"github.com/tapio/tapio/cmd/tapioctl/internal/exitcode"
	"github.com/tapio/tapio/cmd/tapioctl/internal/render"
	"github.com/tapio/tapio/cmd/tapioctl/internal/selector"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// flameNodes is how many nodes of the call tree a flame graph asks for.
const flameNodes = 5000

func newProfileFlameCommand(a *app.App) *cobra.Command {
	f := &profileFlags{}
	format := selector.NewChoice("graph", "graph", "json", "yaml")
	var width int
	cmd := &cobra.Command{
		Use:   "flame",
		Short: "Print a flame graph: callers above what they call, as wide as their share",
		Example: `  tapioctl profile flame --service checkout --since 15m
  tapioctl profile flame --service checkout --width 200 | less -S`,
		Args: cobra.NoArgs,
		RunE: a.Connected(func(ctx context.Context, c app.Clients, _ []string) error {
			if width < 20 || width > 2000 {
				return exitcode.UsageErrorf("--width must be 20 to 2000, is %d", width)
			}
			response, name, err := analyzeProfile(ctx, a, c, f, func(request *tapiov1.AnalyzeProfileRequest) { request.MaxNodes = flameNodes })
			if err != nil {
				return err
			}
			noteQuality(a.Out, response.GetSummary())
			if format.Value != "graph" {
				a.Out.PrintMessage(format.Value, response)
				return nil
			}
			a.Out.NoteIfNone(len(response.GetCallTree()), "samples of "+name)
			printFlames(a.Out, response, name, width)
			return nil
		}),
	}
	f.add(cmd)
	cmd.Flags().IntVar(&width, "width", 120, "columns to fill")
	selector.AddChoice(cmd, cmd.Flags(), &format, "output", "o", "output format")
	return cmd
}

// flame is a node of the graph with its place.
type flame struct {
	from, to int // columns
	text     string
	depth    int
	used     float64 // of its width by the nodes below
}

// flames places the nodes of a tree in rows by depth. Nodes that are narrower than a
// column are left out, with all below them.
func flames(response *tapiov1.AnalyzeProfileResponse, width int) (rows [][]flame) {
	tree := response.GetCallTree()
	if len(tree) == 0 || tree[0].GetTotalValue() <= 0 {
		return nil
	}
	perColumn := tree[0].GetTotalValue() / float64(width)
	placed := make([]*flame, len(tree))
	for i, node := range tree {
		start, depth := 0.0, 0
		if node.GetParent() >= 0 {
			parent := placed[node.GetParent()]
			if parent == nil {
				continue
			}
			start, depth = float64(parent.from)+parent.used/perColumn, parent.depth+1
			parent.used += node.GetTotalValue()
		}
		one := &flame{from: int(start + 0.5), to: int(start + node.GetTotalValue()/perColumn + 0.5), depth: depth}
		if one.to <= one.from {
			continue
		}
		one.text = fmt.Sprintf("%s %.1f%%", render.OneLine(node.GetFunction()), 100*node.GetTotalValue()/tree[0].GetTotalValue())
		placed[i] = one
		for len(rows) <= depth {
			rows = append(rows, nil)
		}
		rows[depth] = append(rows[depth], *one)
	}
	return rows
}

// printFlames prints a row for each depth.
func printFlames(o *render.Output, response *tapiov1.AnalyzeProfileResponse, name string, width int) {
	rows := flames(response, width)
	if len(rows) > 0 {
		rows[0][0].text = fmt.Sprintf("%s %s", name, costText(response.GetTotalValue(), response.GetSampleUnit()))
	}
	colors := []render.Color{render.Yellow, render.Red, render.Cyan, render.Green}
	for depth, row := range rows {
		at := 0
		for i := range row {
			o.WriteText(strings.Repeat(" ", max(row[i].from-at, 0)))
			o.WriteText(o.Paint(colors[(depth+i)%len(colors)], fitted(row[i].text, row[i].to-row[i].from)))
			at = row[i].to
		}
		o.WriteText("\n")
	}
}

// fitted cuts or fills a text to a width, with a bar at its left.
func fitted(text string, width int) string {
	runes := append([]rune{'|'}, []rune(text)...)
	if len(runes) > width {
		return string(runes[:width])
	}
	return string(runes) + strings.Repeat("-", width-len(runes))
}
