// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package selector

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Choice is a flag that takes one of a few words, in either case.
type Choice struct {
	Value string
	Words []string
	// aliases are other names of the words.
	aliases map[string]string
}

// NewChoice makes a flag with the default value that takes the words.
func NewChoice(value string, words ...string) Choice { return Choice{Value: value, Words: words} }

// NewSeverityChoice takes a class of severities, also by other names.
func NewSeverityChoice() Choice {
	c := NewChoice("", "trace", "debug", "info", "warn", "error", "fatal")
	c.aliases = map[string]string{"warning": "warn", "err": "error", "critical": "fatal", "crit": "fatal", "notice": "info"}
	return c
}

func (c *Choice) String() string { return c.Value }

// Type implements pflag.Value: help shows it as the argument.
func (c *Choice) Type() string { return strings.Join(c.Words, "|") }

// Set implements pflag.Value.
func (c *Choice) Set(word string) error {
	word = strings.ToLower(word)
	if other, known := c.aliases[word]; known {
		word = other
	}
	if !slices.Contains(c.Words, word) {
		return fmt.Errorf("use one of %s", strings.Join(c.Words, ", "))
	}
	c.Value = word
	return nil
}

// AddChoice adds the flag and lets the shell complete its words.
func AddChoice(cmd *cobra.Command, flags *pflag.FlagSet, c *Choice, name, shorthand, usage string) {
	flags.VarP(c, name, shorthand, usage)
	err := cmd.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(c.Words, cobra.ShellCompDirectiveNoFileComp))
	if err != nil { // only for a flag that was not added the line above
		panic(err)
	}
}

// NewRecordFormat has the formats of records of every signal.
func NewRecordFormat(value string) Choice {
	return NewChoice(value, "compact", "table", "dict", "json", "jsonpb", "yaml")
}
