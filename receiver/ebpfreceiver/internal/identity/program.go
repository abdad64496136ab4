//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"path"
	"strings"
)

// Invocation is how a program was started.
type Invocation struct {
	// Executable is the file name of what runs, links resolved.
	Executable string
	Args       []string
	// Folder returns the working folder, "" if it is not known.
	Folder func() string
}

// Program names what runs: of an interpreter its script, module, jar or main class,
// with the folder before it where many have that name; else the executable.
func (i *Invocation) Program() string {
	kind := interpreterOf(i.Executable)
	if kind == nil || len(i.Args) == 0 {
		return i.executable()
	}
	if name := kind(i); name != "" {
		return name
	}
	return i.executable()
}

// executable is the name by which a file that holds several programs was called: the
// file name of busybox says nothing, and Debian's redis-server is a link to
// redis-check-rdb. A title that the program gave itself may follow the name.
func (i *Invocation) executable() string {
	switch i.Executable {
	case "busybox", "toybox", "coreutils", "redis-check-rdb", "redis-check-aof", "valkey-check-rdb", "valkey-check-aof":
		if len(i.Args) == 0 {
			break
		}
		called, _, _ := strings.Cut(i.Args[0], " ")
		if name := strings.TrimPrefix(path.Base(called), "-"); name != "." && name != "/" {
			return name
		}
	}
	return i.Executable
}

// interpreterOf returns how the command line of an interpreter is read, nil if the
// program is none.
func interpreterOf(executable string) func(*Invocation) string {
	name := strings.TrimRight(executable, "0123456789.-")
	switch name {
	case "python", "pypy", "micropython":
		return (*Invocation).python
	case "node", "nodejs", "bun", "deno", "iojs":
		return (*Invocation).node
	case "java":
		return (*Invocation).java
	case "ruby", "jruby", "truffleruby":
		return (*Invocation).ruby
	case "php", "php-cli":
		return (*Invocation).php
	case "perl":
		return func(i *Invocation) string { return i.script("eEIMmFxi0lCDT", "eE") }
	case "bash", "dash", "sh", "ash", "zsh", "ksh", "mksh", "fish", "busybox":
		return (*Invocation).shell
	case "dotnet", "mono":
		return (*Invocation).dotnet
	case "Rscript", "lua", "luajit", "julia", "tclsh", "groovy", "guile", "escript":
		return func(i *Invocation) string { return i.script("el", "e") }
	}
	return nil
}

// script is the first argument that is no option. Those of the options in valued take
// another argument, behind those in inline comes no script.
func (i *Invocation) script(valued, inline string) string {
	name, _ := i.scriptAndRest(valued, inline)
	return name
}

func (i *Invocation) scriptAndRest(valued, inline string) (name string, rest []string) {
	for n := 1; n < len(i.Args); n++ {
		arg := i.Args[n]
		switch {
		case arg == "--" && n+1 < len(i.Args):
			return i.qualified(i.Args[n+1]), i.Args[n+2:]
		case arg == "-" || arg == "--" || arg == "":
			return "", nil
		case len(arg) >= 2 && arg[0] == '-' && arg[1] != '-':
			if strings.IndexByte(inline, arg[len(arg)-1]) >= 0 || strings.IndexByte(inline, arg[1]) >= 0 {
				return "", nil
			}
			if len(arg) == 2 && strings.IndexByte(valued, arg[1]) >= 0 {
				n++
			}
		case arg[0] == '-':
		default:
			return i.qualified(arg), i.Args[n+1:]
		}
	}
	return "", nil
}

// qualified is the name of a file. One that is called as those of many programs has
// the name of its folder before it. A script that is read from an open file has none.
func (i *Invocation) qualified(file string) string {
	if folder := path.Dir(file); folder == "/dev/fd" || strings.HasPrefix(folder, "/proc/") && path.Base(folder) == "fd" || file == "/dev/stdin" {
		return ""
	}
	base := path.Base(file)
	if base == "." || base == ".." || base == "/" {
		return path.Base(i.resolved(file))
	}
	if !common(base) {
		return bounded(base)
	}
	for folder := path.Dir(i.resolved(file)); ; folder = path.Dir(folder) {
		switch parent := path.Base(folder); parent {
		case "src", "bin", "lib", "dist", "build", "app", "cmd", "scripts", "server", "node_modules", ".bin", "public":
			continue
		case ".", "/":
			return bounded(base)
		default:
			return bounded(parent + "/" + base)
		}
	}
}

func (i *Invocation) resolved(file string) string {
	if path.IsAbs(file) || i.Folder == nil {
		return path.Clean(file)
	}
	return path.Join(i.Folder(), file)
}

// inFolder qualifies what is no file, such as a module, by the working folder.
func (i *Invocation) inFolder(name string) string {
	if i.Folder == nil {
		return bounded(name)
	}
	if folder := path.Base(i.Folder()); folder != "." && folder != "/" {
		return bounded(folder + "/" + name)
	}
	return bounded(name)
}

// common are the names, without extension, of the main files of many programs.
func common(file string) bool {
	switch strings.TrimSuffix(file, path.Ext(file)) {
	case "app", "main", "__main__", "server", "index", "manage", "run", "start", "wsgi", "asgi", "api", "service", "worker", "web",
		"application", "program", "entrypoint", "docker-entrypoint", "bootstrap", "artisan", "cli", "job", "serve":
		return true
	}
	return false
}
