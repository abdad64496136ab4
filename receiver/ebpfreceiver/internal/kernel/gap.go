//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// Reason is why the kernel did not let a feature be had. It is a label of a
// metric, so there are few.
type Reason string

// The reasons.
const (
	NoPermission Reason = "no_permission"
	NoHook       Reason = "no_hook"
	NoBTF        Reason = "no_btf"
	Unsupported  Reason = "unsupported"
	Refused      Reason = "refused"
)

// Gap is a feature that is off, and why.
type Gap struct {
	Probe   string
	Feature string
	Reason  Reason
	Err     error
	// Since is the version of Linux that the feature needs, if it is a late one.
	Since string
	// Lacks names the capability that is missing, where that is not one that all
	// features need.
	Lacks string
	// Partial means that the feature works, but not for everything: that is no
	// fault of the receiver.
	Partial bool
}

// Error describes what is missing and how to fix it.
func (g Gap) Error() string {
	state := "off"
	if g.Partial {
		state = "limited"
	}
	return fmt.Sprintf("%s: %s is %s: %s", g.Probe, g.Feature, state, g.advice())
}

// Unwrap returns what the kernel or the library said.
func (g Gap) Unwrap() error { return g.Err }

func (g Gap) advice() string {
	cause, said := g.cause(), g.Err.Error()
	if cause == said {
		return said
	}
	return cause + ": " + said
}

// cause is what several features may be off for, with what would fix it.
func (g Gap) cause() string {
	switch {
	case g.Reason == NoPermission && g.Lacks != "":
		return "not permitted, this process lacks " + g.Lacks
	case g.Reason == NoPermission:
		return "not permitted, this process lacks " + missingCapabilities()
	case g.Reason == NoBTF:
		return "this kernel does not describe its types, build it with CONFIG_DEBUG_INFO_BTF"
	case (g.Reason == NoHook || g.Reason == Unsupported) && g.Since != "":
		return fmt.Sprintf("it takes Linux %s or later, this is %s", g.Since, release())
	case g.Reason == NoHook:
		return "this kernel has no such hook"
	default:
		return g.Err.Error()
	}
}

// release is the version of the kernel that runs.
func release() string {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return "an unknown one"
	}
	return unix.ByteSliceToString(name.Release[:])
}

// Together reports many gaps in one line, each cause once; nil without any. What the
// kernel said of each is in the gap itself.
func Together(gaps []Gap) error {
	gaps = slices.DeleteFunc(slices.Clone(gaps), func(g Gap) bool { return g.Partial })
	if len(gaps) == 0 {
		return nil
	}
	var causes []string
	for len(gaps) > 0 {
		cause := gaps[0].cause()
		var alike, others []Gap
		for _, g := range gaps {
			if g.cause() == cause {
				alike = append(alike, g)
			} else {
				others = append(others, g)
			}
		}
		causes = append(causes, fmt.Sprintf("%s (%s)", cause, named(alike)))
		gaps = others
	}
	return errors.New(strings.Join(causes, "; "))
}

// named lists features by probe: "process: exec, exit; cpu: run_queue".
func named(gaps []Gap) string {
	var list strings.Builder
	for i, g := range gaps {
		switch {
		case i == 0:
			list.WriteString(g.Probe + ": ")
		case gaps[i-1].Probe == g.Probe:
			list.WriteString(", ")
		default:
			list.WriteString("; " + g.Probe + ": ")
		}
		list.WriteString(g.Feature)
	}
	return list.String()
}

// reasonOf sorts the errors that loading and attaching give.
func reasonOf(err error) Reason {
	var verifier *ebpf.VerifierError
	switch {
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES) && !errors.As(err, &verifier):
		return NoPermission
	case errors.Is(err, os.ErrNotExist), errors.Is(err, unix.ENOENT):
		return withBTF(NoHook)
	case errors.Is(err, ebpf.ErrNotSupported), errors.Is(err, unix.EOPNOTSUPP):
		return withBTF(Unsupported)
	default:
		return Refused
	}
}

// withBTF is the reason where the kernel describes its types; where it does not,
// the library says of a hook that it is not there or not supported.
func withBTF(reason Reason) Reason {
	if _, err := os.Stat("/sys/kernel/btf/vmlinux"); err != nil {
		return NoBTF
	}
	return reason
}

// missingCapabilities names those of the documented ones that this process has
// not got.
func missingCapabilities() string {
	effective := effectiveCapabilities()
	if effective&(1<<unix.CAP_SYS_ADMIN) != 0 {
		return "no capability, so the kernel is locked down or a sandbox forbids it"
	}
	var missing []string
	for _, wanted := range []struct {
		bit  int
		name string
	}{{unix.CAP_BPF, "CAP_BPF"}, {unix.CAP_PERFMON, "CAP_PERFMON"}} {
		if effective&(1<<wanted.bit) == 0 {
			missing = append(missing, wanted.name)
		}
	}
	if len(missing) == 0 {
		return "CAP_SYS_ADMIN"
	}
	return strings.Join(missing, " and ")
}

func effectiveCapabilities() uint64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(status), "CapEff:")
	line, _, _ := strings.Cut(rest, "\n")
	set, err := strconv.ParseUint(strings.TrimSpace(line), 16, 64)
	if err != nil {
		return 0
	}
	return set
}

// Environments is the gap that is left where the environment of processes may not be
// read; nil without any.
func Environments(denied int) []Gap {
	if denied == 0 {
		return nil
	}
	return []Gap{{
		Probe: "process", Feature: "environment", Reason: NoPermission, Lacks: "CAP_SYS_PTRACE", Partial: true,
		Err: fmt.Errorf("of %d processes that were there before, OTEL_SERVICE_NAME is not known", denied),
	}}
}

// Missing is the gap that an error leaves.
func Missing(probe, feature string, err error) Gap {
	return Gap{Probe: probe, Feature: feature, Reason: reasonOf(err), Err: err}
}
