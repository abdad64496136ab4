// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// didYouMean appends the words that resemble the mistyped one.
func didYouMean(message string, suggestions []string) string {
	if len(suggestions) == 0 {
		return message
	}
	return message + ": did you mean " + strings.Join(suggestions, " or ") + "?"
}

// oneArgument accepts exactly one argument, and names it in the error.
func oneArgument(name string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch len(args) {
		case 0:
			return usageErrorf("missing argument: %s; see %s --help", name, cmd.CommandPath())
		case 1:
			return nil
		default:
			return usageErrorf("unexpected argument %q after %s %q; see %s --help", args[1], name, args[0], cmd.CommandPath())
		}
	}
}

// suggestFlag explains a fault in the flags and names flags that resemble an
// unknown one.
func suggestFlag(cmd *cobra.Command, err error) error {
	message := argumentFault(err.Error())
	name, unknown := strings.CutPrefix(message, "unknown flag: --")
	if !unknown {
		return usageErrorf("%s; see %s --help", message, cmd.CommandPath())
	}
	return usageErrorf("%s; see %s --help", didYouMean(message, similarFlags(cmd, name)), cmd.CommandPath())
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
