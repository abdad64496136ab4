// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// choice is a flag that takes one of a few words, in either case.
type choice struct {
	value string
	words []string
	// aliases are other names of the words.
	aliases map[string]string
}

func newChoice(value string, words ...string) choice { return choice{value: value, words: words} }

// newSeverityChoice takes a class of severities, also by other names.
func newSeverityChoice() choice {
	c := newChoice("", "trace", "debug", "info", "warn", "error", "fatal")
	c.aliases = map[string]string{"warning": "warn", "err": "error", "critical": "fatal", "crit": "fatal", "notice": "info"}
	return c
}

func (c *choice) String() string { return c.value }
func (c *choice) Type() string   { return strings.Join(c.words, "|") }

func (c *choice) Set(word string) error {
	word = strings.ToLower(word)
	if other, known := c.aliases[word]; known {
		word = other
	}
	if !slices.Contains(c.words, word) {
		return fmt.Errorf("use one of %s", strings.Join(c.words, ", "))
	}
	c.value = word
	return nil
}

// addChoice adds the flag and lets the shell complete its words.
func addChoice(cmd *cobra.Command, flags *pflag.FlagSet, c *choice, name, shorthand, usage string) {
	flags.VarP(c, name, shorthand, usage)
	err := cmd.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(c.words, cobra.ShellCompDirectiveNoFileComp))
	if err != nil { // only for a flag that was not added the line above
		panic(err)
	}
}
