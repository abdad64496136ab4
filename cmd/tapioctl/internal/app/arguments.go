// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package app

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/tapio/tapio/cmd/tapioctl/internal/exitcode"
)

// didYouMean appends the words that resemble the mistyped one.
func didYouMean(message string, suggestions []string) string {
	if len(suggestions) == 0 {
		return message
	}
	return message + ": did you mean " + strings.Join(suggestions, " or ") + "?"
}

// OneArgument accepts exactly one argument, and names it in the error.
func OneArgument(name string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch len(args) {
		case 0:
			return exitcode.UsageErrorf("missing argument: %s; see %s --help", name, cmd.CommandPath())
		case 1:
			return nil
		default:
			return exitcode.UsageErrorf("unexpected argument %q after %s %q; see %s --help", args[1], name, args[0], cmd.CommandPath())
		}
	}
}

// SuggestFlag explains a fault in the flags and names flags that resemble an
// unknown one.
func SuggestFlag(cmd *cobra.Command, err error) error {
	message := exitcode.ArgumentFault(err.Error())
	name, unknown := strings.CutPrefix(message, "unknown flag: --")
	if !unknown {
		return exitcode.UsageErrorf("%s; see %s --help", message, cmd.CommandPath())
	}
	return exitcode.UsageErrorf("%s; see %s --help", didYouMean(message, similarFlags(cmd, name)), cmd.CommandPath())
}

// similarFlags uses cobra's own measure of likeness, which it has for commands
// only.
func similarFlags(cmd *cobra.Command, name string) []string {
	words := &cobra.Command{SuggestionsMinimumDistance: 2}
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			words.AddCommand(&cobra.Command{Use: f.Name, Run: func(*cobra.Command, []string) {}})
		}
	})
	found := words.SuggestionsFor(name)
	for i := range found {
		found[i] = "--" + found[i]
	}
	return found
}

// NeedSubcommand makes a command that only groups others refuse to stand alone.
func NeedSubcommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		var names []string
		for _, sub := range cmd.Commands() {
			if sub.IsAvailableCommand() {
				names = append(names, sub.Name())
			}
		}
		return exitcode.UsageErrorf("missing argument: one of %s; see %s --help", strings.Join(names, ", "), cmd.CommandPath())
	}
	cmd.SuggestionsMinimumDistance = 2
	message := fmt.Sprintf("unknown command %q for %q", args[0], cmd.CommandPath())
	return exitcode.UsageErrorf("%s; see %s --help", didYouMean(message, cmd.SuggestionsFor(args[0])), cmd.CommandPath())
}
