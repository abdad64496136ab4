// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"path"
	"strings"
)

// maxDepth bounds commands within commands: ssh host 'sudo sh -c "..."'.
const maxDepth = 5

// word is a part of a command: an argument, or a word of a command in an argument.
type word struct {
	text     string // without quotes
	arg      int
	from, to int
	at       []int // where each byte of text is, unless it follows from
	quoted   []span
	// separates ends a command: ; | && and a new line.
	separates bool
}

func (w *word) offset(i int) int {
	switch {
	case i >= len(w.text):
		return w.to
	case w.at != nil:
		return w.at[i]
	}
	return w.from + i
}

func (l *line) hideWord(w *word, i int) { l.hide(w.arg, w.offset(i), w.to) }

// command hides what options and known programs take as secrets. A program may stand
// anywhere in it: behind sudo, env, docker exec.
type command struct {
	*line
	rules       rules
	subcommands []string
	positional  int
	hideAfter   int // positionals that are not secret, from now on; below 0: no rule
	pending     bool
	skip        bool
	input       stdin
}

func (l *line) command(words []word, depth int) {
	c := command{line: l, hideAfter: -1}
	for i := range words {
		w := &words[i]
		l.within(w, depth)
		if w.separates {
			c.separate(w.text)
			continue
		}
		var next string
		if i+1 < len(words) && !words[i+1].separates {
			next = words[i+1].text
		}
		c.word(w, next)
	}
}

func (c *command) separate(separator string) {
	input := c.input
	*c = command{line: c.line, hideAfter: -1, input: input}
	c.input.separate(separator)
}

func (c *command) word(w *word, next string) {
	c.input.word(c.line, w)
	if c.pending {
		c.pending = false
		c.hideWord(w, 0)
		return
	}
	if c.skip {
		c.skip = false
		return
	}
	if strings.HasPrefix(w.text, "-") && len(w.text) > 1 && w.text != "--" {
		c.option(w, next)
		return
	}
	if rules, known := rulesOf(programIn(w.text)); known && c.hideAfter < 0 {
		c.rules, c.subcommands, c.positional, c.hideAfter = rules, nil, 0, rules.positionals()
		return
	}
	c.argument(w, next)
}

// programIn is the program that a word names: /usr/bin/mysql, --command=mysql.
func programIn(text string) string {
	text = text[strings.LastIndexByte(text, '=')+1:]
	return strings.TrimSuffix(strings.ToLower(path.Base(text)), ".exe")
}

func (c *command) option(w *word, next string) {
	name, _, assigned := strings.Cut(w.text, "=")
	long := strings.TrimLeft(name, "-")
	if classify(long) == secret || c.rules.hasLong(long) {
		switch {
		case assigned:
			c.hideWord(w, len(name)+1)
		case len(long) > 1:
			c.pending = !isOption(next)
		}
		if strings.HasPrefix(w.text, "--") {
			return
		}
	}
	if !strings.HasPrefix(w.text, "--") {
		c.short(w)
	}
}

// isOption reports whether a word is no value, as in --password --host db.
func isOption(next string) bool {
	return len(next) > 2 && strings.HasPrefix(next, "--") && letter(next[2]) || len(next) == 2 && next[0] == '-' && letter(next[1])
}

// short reads a cluster: in -sSuuser:secret the last option takes what follows.
func (c *command) short(w *word) {
	r := &c.rules
	for i := 1; i < len(w.text); i++ {
		at, last := w.text[i], i == len(w.text)-1
		switch {
		case has(r.attached, at):
			c.hideWord(w, i+1)
			return
		case has(r.secret, at) && c.applies():
			c.hideWord(w, i+1)
			c.pending = c.pending || last
			return
		case has(r.valued, at):
			c.skip = last
			return
		case !letter(at):
			return
		}
	}
}

// applies: docker's -p is a password behind login, and a port behind run.
func (c *command) applies() bool {
	if len(c.rules.behind) == 0 {
		return true
	}
	for _, name := range c.subcommands {
		for _, wanted := range c.rules.behind {
			if name == wanted {
				return true
			}
		}
	}
	return false
}

func has(options string, c byte) bool { return strings.IndexByte(options, c) >= 0 }

// maxSubcommands are remembered: gh auth login has two.
const maxSubcommands = 4

func (c *command) argument(w *word, next string) {
	if len(c.subcommands) < maxSubcommands {
		c.subcommands = append(c.subcommands, strings.ToLower(w.text))
	}
	if after, ok := c.rules.after(w.text); ok {
		c.hideAfter, c.positional = after, 0
		return
	}
	if c.hideAfter >= 0 && c.positional >= c.hideAfter {
		c.hideWord(w, 0)
		return
	}
	c.positional++
	name, _, assigned := strings.Cut(w.text, "=")
	switch {
	case assigned && c.rules.fields:
		c.hideWord(w, len(name)+1)
	case strings.HasPrefix(w.text, "/p:"): // of Windows and RDP
		c.hideWord(w, len("/p:"))
	case !assigned && classify(w.text) == secret && bare(w.text) && next != "":
		c.pending = !isOption(next) && !strings.HasPrefix(next, "/")
	}
}

// bare is a word that is a name and nothing else: requirepass in config set
// requirepass x.
func bare(text string) bool {
	for i := range len(text) {
		if !nameByte(text[i]) && text[i] != ':' && text[i] != '/' {
			return false
		}
	}
	return strings.Trim(text, "/.:") == text || strings.HasPrefix(text, "//")
}

// stdin finds what a shell pipes into a program that reads a secret: echo x | docker
// login --password-stdin.
type stdin struct {
	echoing bool
	echoed  []word
	wanted  bool
	given   bool // <<< comes next
}

func (s *stdin) separate(separator string) {
	piped := separator == "|"
	if !piped {
		s.echoed = nil
	}
	s.echoing, s.wanted, s.given = false, false, false
}

func (s *stdin) word(l *line, w *word) {
	switch {
	case w.text == "echo" || w.text == "printf" || w.text == "print":
		s.echoing = true
	case s.echoing:
		s.echoed = append(s.echoed, *w)
	case s.given || strings.HasPrefix(w.text, "<<<"):
		s.given = w.text == "<<<"
		if s.wanted && !s.given {
			l.hideWord(w, 0)
		}
	case takesSecret(w.text):
		s.wanted = true
		for i := range s.echoed {
			l.hideWord(&s.echoed[i], 0)
		}
	}
}

func takesSecret(text string) bool {
	switch path.Base(text) {
	case "chpasswd", "passwd", "kinit", "cryptsetup", "smbpasswd", "su", "sudo", "gpg", "htpasswd", "ssh-add", "openssl", "sshpass", "vault":
		return true
	}
	return strings.HasPrefix(text, "--") && (strings.HasSuffix(text, "stdin") || text == "--with-token") || text == "-pass" || text == "stdin"
}
