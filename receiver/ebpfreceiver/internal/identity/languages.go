//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"path"
	"strings"
)

func (i *Invocation) python() string {
	for n := 1; n < len(i.Args); n++ {
		arg := i.Args[n]
		if strings.HasPrefix(arg, "--") || len(arg) < 2 || arg[0] != '-' {
			break
		}
		if at := strings.IndexAny(arg[1:], "mc"); at >= 0 && strings.Trim(arg[1:1+at], "bBdEhiIOPqsSuvVx") == "" {
			if arg[1+at] == 'c' {
				return ""
			}
			module, rest := arg[2+at:], i.Args[n+1:]
			if module == "" && len(rest) > 0 {
				module, rest = rest[0], rest[1:]
			}
			return i.pythonServer(module, rest)
		}
		if strings.IndexByte("WXQ", arg[len(arg)-1]) >= 0 {
			n++
		}
	}
	script, rest := i.scriptAndRest("WXQ", "c")
	if script == "" {
		return ""
	}
	return i.pythonServer(script, rest)
}

// pythonServer names the application that a server runs, not the server.
func (i *Invocation) pythonServer(server string, rest []string) string {
	application := func([]string) (string, bool) { return bounded(server), true }
	switch server {
	case "gunicorn", "uvicorn", "hypercorn", "daphne", "granian", "waitress-serve", "waitress", "gunicorn_wsgi", "robyn":
		application = i.moduleArgument
	case "flask", "celery", "quart", "dramatiq", "rq", "arq", "huey_consumer":
		application = i.moduleOption
	case "streamlit", "fastapi", "ddtrace-run", "opentelemetry-instrument", "newrelic-admin", "debugpy", "pdb", "cProfile", "coverage":
		application = i.startedScript
	}
	if name, found := application(rest); found {
		return name
	}
	return i.inFolder(server)
}

// moduleArgument names the module of an argument like shop.wsgi:app, or of the last one without an object.
func (i *Invocation) moduleArgument(rest []string) (name string, found bool) {
	for n, arg := range rest {
		module, object, split := strings.Cut(arg, ":")
		if split && !strings.HasPrefix(arg, "-") && identifier(module) && identifier(strings.TrimSuffix(object, "()")) {
			return i.module(module), true
		}
		if n == len(rest)-1 && identifier(arg) && strings.Contains(arg, ".") {
			return i.module(arg), true
		}
	}
	return "", false
}

// moduleOption names the module of an option like --app shop.
func (i *Invocation) moduleOption(rest []string) (name string, found bool) {
	for n, arg := range rest {
		if (arg == "-A" || arg == "--app") && n+1 < len(rest) {
			return i.module(rest[n+1]), true
		}
		if value, ok := strings.CutPrefix(arg, "--app="); ok {
			return i.module(value), true
		}
	}
	return "", false
}

// startedScript names what a wrapper starts: a script, or another server's application.
func (i *Invocation) startedScript(rest []string) (name string, found bool) {
	for n, arg := range rest {
		if strings.HasSuffix(arg, ".py") {
			return i.qualified(arg), true
		}
		if !strings.HasPrefix(arg, "-") && (arg == "gunicorn" || arg == "uvicorn") {
			return i.pythonServer(arg, rest[n+1:]), true
		}
	}
	return "", false
}

// module is the name of one, without its object.
func (i *Invocation) module(name string) string {
	name, _, _ = strings.Cut(name, ":")
	if common(name + ".py") {
		return i.inFolder(name)
	}
	return bounded(name)
}

func identifier(text string) bool {
	for at, c := range text {
		if at == 0 && c >= '0' && c <= '9' {
			return false
		}
		if c != '_' && c != '.' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return text != ""
}

func (i *Invocation) node() string {
	// npm and its kind call themselves by what they run.
	if len(i.Args) >= 1 {
		if title, _, _ := strings.Cut(i.Args[0], " "); launcher(title) {
			return i.inFolder(strings.Join(strings.Fields(strings.Join(i.Args, " ")), " "))
		}
	}
	args := i.Args
	if path.Base(i.Args[0]) == "deno" || i.Executable == "deno" || i.Executable == "bun" {
		for len(args) > 1 && (args[1] == "run" || args[1] == "serve") {
			args = append([]string{args[0]}, args[2:]...)
		}
	}
	of := Invocation{Executable: i.Executable, Args: withoutValues(args, nodeValued), Folder: i.Folder}
	script, rest := of.scriptAndRest("rC", "ep")
	switch base := path.Base(script); {
	case launcher(strings.TrimSuffix(strings.TrimSuffix(base, ".js"), "-cli")):
		return i.inFolder(strings.TrimSpace(strings.TrimSuffix(strings.TrimSuffix(base, ".js"), "-cli") + " " + firstWords(rest)))
	case runner(base):
		return i.runBy(base, rest)
	}
	return script
}

func nodeValued(option string) bool {
	switch option {
	case "--require", "--import", "--loader", "--experimental-loader", "--conditions", "--env-file", "--title", "-r", "-C":
		return true
	}
	return false
}

// withoutValues takes out options with the value behind them.
func withoutValues(args []string, valued func(string) bool) []string {
	var kept []string
	for n := 0; n < len(args); n++ {
		if n > 0 && valued(args[n]) {
			n++
			continue
		}
		if n > 0 && !strings.HasPrefix(args[n], "-") {
			return append(kept, args[n:]...)
		}
		kept = append(kept, args[n])
	}
	return kept
}

func launcher(name string) bool {
	switch name {
	case "npm", "npx", "yarn", "pnpm", "corepack", "pnpx":
		return true
	}
	return false
}

func firstWords(args []string) string {
	var words []string
	for _, arg := range args {
		if strings.HasPrefix(arg, "-") || len(words) == 2 {
			break
		}
		words = append(words, arg)
	}
	return strings.Join(words, " ")
}

// runner are programs that run another script, or the one of the folder.
func runner(name string) bool {
	switch name {
	case "next", "nest", "nuxt", "nuxi", "vite", "react-scripts", "ts-node", "ts-node-dev", "tsx", "nodemon", "pm2", "pm2-runtime", "forever", "remix",
		"remix-serve", "astro", "gatsby", "strapi", "puma", "unicorn", "rackup", "rails", "sidekiq", "thin", "passenger", "resque", "bundle", "rake":
		return true
	}
	return false
}

func (i *Invocation) runBy(name string, rest []string) string {
	for n, arg := range rest {
		if n > 0 && strings.HasPrefix(rest[n-1], "-") {
			continue // rather the value of that option
		}
		switch path.Ext(arg) {
		case ".js", ".mjs", ".cjs", ".ts", ".rb", ".ru":
			return i.qualified(arg)
		}
	}
	if name == "bundle" && len(rest) > 1 && rest[0] == "exec" {
		return i.runBy(path.Base(rest[1]), rest[2:])
	}
	return i.inFolder(name)
}

func (i *Invocation) ruby() string {
	// puma and its kind call themselves by what they do: "puma 6.4 (tcp://...) [shop]".
	if title := i.Args[0]; runner(firstField(title)) && strings.HasSuffix(title, "]") {
		if at := strings.LastIndexByte(title, '['); at >= 0 {
			return bounded(strings.Trim(title[at:], "[]") + "/" + firstField(title))
		}
	}
	script, rest := i.scriptAndRest("IrCEKx", "e")
	if base := path.Base(script); runner(base) {
		return i.runBy(base, rest)
	}
	return script
}

func firstField(text string) string {
	text, _, _ = strings.Cut(text, " ")
	return text
}

func (i *Invocation) php() string {
	for n, arg := range i.Args {
		if arg == "-f" && n+1 < len(i.Args) {
			return i.qualified(i.Args[n+1])
		}
		if arg == "-r" || arg == "-B" {
			return ""
		}
	}
	if script := i.script("SstdcnzFR", "r"); script != "" {
		return script
	}
	for n, arg := range i.Args { // the built-in server
		if arg == "-t" && n+1 < len(i.Args) {
			return bounded(path.Base(i.resolved(i.Args[n+1])))
		}
	}
	if len(i.Args) > 1 && i.Args[1] == "-S" {
		return i.inFolder("php")
	}
	return ""
}

func (i *Invocation) shell() string {
	of := *i
	if i.Executable == "busybox" {
		switch strings.TrimPrefix(path.Base(i.Args[0]), "-") {
		case "sh", "ash", "bash":
		case "busybox":
			if len(i.Args) < 2 || i.Args[1] != "sh" && i.Args[1] != "ash" {
				return ""
			}
			of.Args = i.Args[1:]
		default:
			return ""
		}
	}
	of.Args = withoutValues(of.Args, func(option string) bool {
		return option == "--rcfile" || option == "--init-file" || option == "-o" || option == "-O"
	})
	return of.script("oO", "cs")
}

func (i *Invocation) dotnet() string {
	for n := 1; n < len(i.Args); n++ {
		switch arg := i.Args[n]; {
		case arg == "--additionalprobingpath" || arg == "--depsfile" || arg == "--runtimeconfig" || arg == "--fx-version":
			n++
		case arg == "run" || arg == "exec" || arg == "watch":
		case strings.HasSuffix(arg, ".dll"), strings.HasSuffix(arg, ".exe"):
			return i.qualified(arg)
		}
	}
	return ""
}
