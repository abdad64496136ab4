// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package kernelrule

import (
	"strings"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
)

// Rules lists all rules.
func Rules() []Rule {
	return append(processRules(), append(networkRules(), resourceRules()...)...)
}

func processRules() []Rule {
	return []Rule{
		{
			Event: semconv.EventProcessOOMKill, Kind: OutOfMemory, Alone: true, Opens: OpensServing, Group: model.GroupResourceExhaustion,
			Stage: StageKilled, Text: "ran out of memory: the kernel killed it", Advice: AdviceMemory,
		},
		{
			Event: semconv.EventProcessSignal, Kind: Signal, Faulty: FatalSignal, Opens: OpensCalled, Group: model.GroupFailureCascade,
			Text: "was killed by a fault of its own", Advice: AdviceCrash,
		},
		{
			Event: semconv.EventProcessExit, Kind: Exit, Faulty: exitsWithError, Opens: OpensUncounted, Group: model.GroupFailureCascade,
			Stage: StageEnded, Text: "exits with an error", Advice: AdviceCrash,
		},
		{
			Event: semconv.EventProcessExec, Kind: NewProgram, Opens: OpensAlways, Group: model.GroupSecurity,
			Text: "started a program that it never started before", Advice: AdviceAccess,
		},
	}
}

func networkRules() []Rule {
	return []Rule{
		{
			Event: semconv.EventTCPConnectFailed, Kind: ConnectFailure, Connects: true, Opens: OpensCalled, Group: model.GroupNetwork,
			Stage: StageRefused, Text: "cannot be connected to", Advice: AdviceConnect,
		},
		{
			Event: semconv.EventTCPReset, Kind: Reset, Connects: true, Opens: OpensCalled, Group: model.GroupNetwork,
			Text: "cuts its connections", Advice: AdviceNetwork,
		},
		{
			Event: semconv.EventTCPRetransmitBurst, Kind: Retransmit, Connects: true, Opens: OpensUncounted, Group: model.GroupNetwork,
			Text: "loses packets", Advice: AdviceNetwork,
		},
		{
			Event: semconv.MetricTCPRetransmits, Counter: true, Kind: Retransmit, Connects: true, Opens: OpensUncounted, Group: model.GroupNetwork,
			Text: "loses packets", Advice: AdviceNetwork,
		},
		{
			Event: semconv.EventDNSLookupFailed, Kind: LookupFailure, Opens: OpensNamed, Group: model.GroupNetwork,
			Text: "cannot resolve names", Advice: AdviceNames,
		},
	}
}

func resourceRules() []Rule {
	rules := []Rule{
		{
			Event: semconv.MetricCgroupCPUThrottledPeriods, Counter: true, Kind: Throttling, Opens: OpensUncounted, Group: model.GroupResourceExhaustion,
			Text: "is throttled: its CPU quota is used up", Advice: AdviceQuota,
		},
		{
			Event: semconv.EventDiskRequestFailed, Kind: DiskError, Opens: OpensUncounted, Group: model.GroupResourceExhaustion,
			Text: "has requests to its disk fail", Advice: AdviceDisk,
		},
		{
			Event: semconv.MetricDiskOperationErrors, Counter: true, Kind: DiskError, Opens: OpensUncounted, Group: model.GroupResourceExhaustion,
			Text: "has requests to its disk fail", Advice: AdviceDisk,
		},
		{
			Event: semconv.EventSyscallSlow, Kind: SlowSyscall, Opens: OpensUncounted, Group: model.GroupResourceExhaustion,
			Text: "waits long in a system call", Advice: AdviceDisk,
		},
	}
	for _, event := range [...]string{semconv.EventFileOpen, semconv.EventFileWrite, semconv.EventFileRename, semconv.EventFileUnlink} {
		rules = append(rules, Rule{
			Event: event, Kind: DeniedFile, Faulty: denied, Opens: OpensDenied, Group: model.GroupSecurity,
			Text: "is denied access to files", Advice: AdviceFiles,
		})
	}
	return rules
}

// Ignored lists the events of the semantic conventions that report no fault, with the reason.
func Ignored() map[string]string {
	const own = "the collector's own report"
	return map[string]string{
		semconv.EventAlert:                  own,
		semconv.EventChange:                 "a change that was posted over the API",
		semconv.EventCollectorConfigRemoved: own,
		semconv.EventCollectorConfigUpdated: own,
		semconv.EventCorrelation:            own,
		semconv.EventIncidentFeedback:       own,
		semconv.EventInsight:                own,
		semconv.EventProfileSymbolsUploaded: own,
		semconv.EventRequestStalled:         "the duration of the request, when it ends, is what is judged",
		semconv.EventSemanticGroup:          own,
		semconv.EventSilenceCreated:         own,
		semconv.EventSilenceExpired:         own,
		semconv.EventSLOBurn:                own,
	}
}

func exitsWithError(attributes model.Attributes) bool {
	code, _ := attributes.Get(semconv.ProcessExitCode)
	return code.Int() != 0 || FatalSignal(attributes)
}

func denied(attributes model.Attributes) bool {
	fault, _ := attributes.Get(semconv.ErrorType)
	return fault.Str() == "EACCES" || fault.Str() == "EPERM"
}

// FatalSignal reports whether a process died of a fault of its own; being terminated or
// killed from outside is none.
func FatalSignal(attributes model.Attributes) bool {
	for _, key := range [...]string{semconv.ProcessExitSignal, semconv.SignalName} {
		v, _ := attributes.Get(key)
		switch strings.TrimPrefix(v.Text(), "SIG") {
		case "SEGV", "ABRT", "BUS", "ILL", "FPE", "11", "6", "7", "4", "8":
			return true
		}
	}
	return false
}
