// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package render

import (
	"fmt"
	"strings"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// PrintInsightText prints one insight for reading, and an empty line after.
func PrintInsightText(o *Output, i *tapiov1.Insight) {
	severity := InsightRow(o, i)[3]
	fmt.Fprintf(o, "%s %s %s\n", o.Paint(Dim, o.Stamp(i.GetTime())), o.Paint(severity.Paint, strings.ToUpper(severity.Text)),
		o.Paint(Bold, OneLine(i.GetTitle())))
	for line := range strings.Lines(strings.TrimSpace(i.GetText())) {
		o.WriteText("  " + OneLine(strings.TrimRight(line, "\r\n")) + "\n")
	}
	for _, action := range i.GetActions() {
		o.WriteText("  - " + OneLine(action.GetTitle()) + "\n")
		for _, command := range action.GetCommands() {
			o.WriteText("    $ " + OneLine(command) + "\n")
		}
	}
	if group := i.GetGroupId(); group != "" {
		o.WriteText(o.Paint(Dim, "  more: tapioctl explain "+OneLine(group)) + "\n")
	}
	o.WriteText("\n")
}
