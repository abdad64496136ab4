// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profilerules

import (
	"slices"
	"strings"

	"github.com/tapio/tapio/internal/model"
)

// Measure is what the samples of a profile count.
type Measure uint8

// The measures that rules apply to.
const (
	CPU     Measure = 1 << iota // time on a processor
	Locks                       // time that goroutines waited for a lock
	OffCPU                      // time that threads were blocked
	unknown Measure = 0
)

// measureOf returns the measure of a sample type.
func measureOf(kind *model.ProfileType) Measure {
	switch kind.Name {
	case "cpu", "samples", "itimer", "on_cpu", "process_cpu":
		return CPU
	case "mutex_duration", "block_duration", "delay":
		return Locks
	case "off_cpu":
		return OffCPU
	default:
		return unknown
	}
}

// Rule is a known cause of cost.
type Rule struct {
	ID, Title string
	Applies   Measure // the measures, added up
	// Threshold is the share above which the rule reports: of the cost or, of Locks and
	// OffCPU, of the profiled time. Source is where it is from.
	Threshold float64
	Source    string
	// Explanation is why it costs, Advice what to do.
	Explanation, Advice string
	// Frames are those whose cost counts, with all they call; with Leaf only without. A rule
	// without frames is about threads.
	Frames []Frames
	Leaf   bool
	// Innermost lists the innermost function that matched of each stack, not the outermost.
	Innermost bool
	// Except are frames with which a stack does not count.
	Except []Frames
}

// Frames are the functions of a language.
type Frames struct {
	Language Language
	// Functions are names of functions, in which * stands for any text.
	Functions []string
	// Files are ends of paths of source files, whose functions all match.
	Files []string
	// Not are names of functions that do not match, as in Functions.
	Not []string
}

// Language is that of a frame.
type Language string

// The languages, native for C, C++ and Rust.
const (
	Go     Language = "Go"
	Java   Language = "Java"
	Kernel Language = "Linux"
	Native Language = "native"
	Node   Language = "Node.js"
	Python Language = "Python"
)

// has reports whether frames of a kind, a value of profile.frame.type, can be of the
// language. Go is "native" to some profilers, and so are the runtimes of Node.js and Java.
func (l Language) has(kind string) bool {
	switch kind {
	case "":
		return true
	case "native":
		return l != Kernel
	case "go":
		return l == Go
	case "jvm":
		return l == Java
	case "kernel":
		return l == Kernel
	case "v8js":
		return l == Node
	case "cpython":
		return l == Python
	default:
		return false
	}
}

// Rules returns all rules, by name.
func Rules() []Rule {
	rules := slices.Concat(runtimeRules(), libraryRules(), systemRules())
	slices.SortFunc(rules, func(a, b Rule) int { return strings.Compare(a.ID, b.ID) })
	return rules
}

func runtimeRules() []Rule {
	return []Rule{
		goAllocation(), goGCAssist(), goGCBackground(), mapGrowth(), jvmGC(), v8GC(), cpythonGC(), boxing(), exceptions(), pythonGIL(),
	}
}

func libraryRules() []Rule {
	return []Rule{
		regexpCompile(), jsonReflection(), textFormatting(), protobuf(), compression(), hashing(), tlsHandshake(), logging(), clock(),
	}
}

func systemRules() []Rule {
	return []Rule{memoryCopy(), spinningLocks(), lockWait(), systemCalls(), pageFaults(), ioWait(), busyThread()}
}
