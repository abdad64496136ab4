// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/correlate/kernelrule"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
)

const (
	second = model.Nanos(1e9)
	start  = model.Nanos(1_700_049_020e9) // 11:50:20 UTC
)

// orders is the impact on POST /order: shares that fail and are slow.
func orders(failed, slow float64) *model.Impact {
	const n = 5160
	im := &model.Impact{
		Requests: n, FailedRequests: failed * n, SlowRequests: slow * n, ErrorRatio: failed, SlowRatio: slow,
		AffectedRequestRatio: failed + slow, BaselineErrorRatio: 0.001, PeakAffectedRatio: min(1, 1.3*(failed+slow)), PeakTime: start + 160*second,
		Unaffected: 3,
		Operations: []model.OperationImpact{{
			Service: "frontend", Operation: "POST /order", Requests: n, ErrorRatio: failed, BaselineErrorRatio: 0.001, SlowRatio: slow,
			BaselineP95: 30e6, P95: 30e6,
		}},
	}
	if slow > 0 {
		im.Operations[0].P95 = 2100e6
	}
	im.Summary = Impact(im)
	return im
}

func incident(cause Cause, im *model.Impact, facts ...Fact) *Incident {
	for i := range facts {
		facts[i].Onset = start
		if facts[i].Service == "" {
			facts[i].Service = cause.Name
		}
	}
	return &Incident{
		ID: "g-1", Kind: model.GroupIncident, State: model.GroupGrowing, Start: start, Now: start + 180*second, Confidence: 0.91,
		Cause: cause, Facts: facts, Services: []string{cause.Name, "frontend"}, Impact: im,
	}
}

// with changes an incident.
func (i *Incident) with(change func(*Incident)) *Incident {
	change(i)
	return i
}

func over(i *Incident) {
	i.State, i.Over = model.GroupResolved, start+400*second
	i.Now = i.Over + 30*second
}

func span(trace string) []model.EvidenceRef {
	return []model.EvidenceRef{{Kind: model.EvidenceSpan, ID: trace + ":0102", Time: start}}
}

func slowDatabase() *Incident {
	return incident(Cause{Name: "payments-db", Uninstrumented: true}, orders(0.24, 0),
		Fact{Kind: FactDependency, Peer: "payment", What: "SELECT orders", Before: 8, After: 1300, Unit: "ms", Evidence: span("4f2a")},
		Fact{Kind: FactCallsFail, Peer: "payment", Quote: "canceling statement due to statement timeout", After: 0.31, New: true, Evidence: span("4f2b")},
	).with(func(i *Incident) {
		i.Sequence = []Step{
			{"payments-db", start, i.Facts[0]},
			{"payment", start + 2*second, Fact{Kind: FactFailing}},
			{"frontend", start + 4*second, Fact{Kind: FactFailing}},
		}
		i.Others = []Candidate{{Service: "payment", Explained: true, Delay: 2 * second}}
	})
}

func badRelease() *Incident {
	return incident(Cause{
		Name: "checkout", Namespace: "production", Workload: "checkout", WorkloadKind: "deployment", Version: "1.1.0", Before: "1.0.4",
		Released: start, Code: "cart/price.ts:88", Logs: true, Traces: true,
	}, orders(0.4, 0),
		Fact{Kind: FactFailing, What: "x", Peer: "POST /order", Quote: "TypeError: cannot read currency of undefined", After: 0.4, New: true, Evidence: span("77")},
		Fact{Kind: FactRelease, What: "1.0.4", Peer: "1.1.0"})
}

func onePod() *Incident {
	return incident(Cause{Name: "payment", Namespace: "shop", Workload: "payment", WorkloadKind: "deployment", Pod: "payment-7c9f-x2x", Node: "node-2", OnlyPod: true, Logs: true, Traces: true},
		orders(0.2, 0), Fact{Kind: FactFailing, What: "x", Peer: "POST /pay", Quote: "config: missing key STRIPE_KEY", After: 0.2, New: true, Evidence: span("78")})
}

func kernel(event, fault, peer, place string) Fact {
	rule := kernelrule.NewTable()[event]
	return Fact{Kind: FactKernel, What: event, Count: 12, Kernel: Kernel{
		Kind: rule.Kind, Advice: rule.Advice, Count: rule.Counter, Fault: fault, Peer: peer, Place: place, Slow: 1.2, Limit: 64 << 20, Does: rule.Text,
	}}
}

func diskWait() Fact {
	f := kernel(semconv.EventSyscallSlow, "fsync", "", "")
	f.Kernel.Kind = kernelrule.DiskWait
	return f
}

func goldenIncidents() map[string]*Incident {
	pay := Cause{Name: "payment", Namespace: "shop", Workload: "payment", WorkloadKind: "deployment", Pod: "payment-0", Node: "node-1", Logs: true, Traces: true}
	host := Cause{Name: "payment"}
	return map[string]*Incident{
		"01 slow database":           slowDatabase(),
		"02 slow database, resolved": slowDatabase().with(over),
		"03 bad release":             badRelease(),
		"04 bad release, resolved":   badRelease().with(over).with(func(i *Incident) { i.EndedBy = "checkout 1.1.1" }),
		"05 one pod of five":         onePod(),
		"06 one pod, recovering":     onePod().with(func(i *Incident) { i.State = model.GroupRecovering }),
		"07 one pod, unknown":        onePod().with(func(i *Incident) { i.State = model.GroupUnknown }),
		"08 node":                    incident(Cause{Name: "node-3", Place: "node", PlaceKey: "k8s.node.name", Hit: []string{"a", "b", "c"}, Inside: 3, Outside: 9}, orders(0, 0.12), Fact{Kind: FactSlow, Service: "a", What: "GET /a", Before: 10, After: 560, Unit: "ms"}),
		"41 node short of CPU": incident(Cause{
			Name: "node-3", Place: "node", PlaceKey: "k8s.node.name", Hit: []string{"a", "b", "c"}, Inside: 3, Outside: 9, Starved: "14 threads wait for a CPU while 7.9 run", Hog: "ffmpeg", HogUses: 7.6,
		}, orders(0, 0.12), Fact{Kind: FactNetwork, Service: "a", Peer: "b", Before: 1, After: 180, Unit: "ms"}),
		"43 node without names": incident(Cause{
			Name: "node-3", Place: "node", PlaceKey: "k8s.node.name", Hit: []string{"a", "b", "dns"}, Inside: 3, Outside: 9, Unresolved: []string{"a", "b"},
		}, orders(0.3, 0.12), Fact{Kind: FactNames, Service: "dns", What: "cart, postgres", Quote: "timeout", Peers: []string{"a", "b"}, After: 1, Count: 40}),
		"42 connection pool":          incident(pay, orders(0.1, 0.2), Fact{Kind: FactPool, Peer: "payments-db", Before: 0, After: 24}),
		"09 zone":                     incident(Cause{Name: "eu-1b", Place: "zone", PlaceKey: "cloud.availability_zone", Hit: []string{"a", "b", "c"}, Inside: 4, Outside: 9}, orders(0.3, 0), Fact{Kind: FactFailing, Service: "a", What: "fails", Peer: "GET /a", After: 0.9}),
		"10 out of memory":            incident(pay, orders(0.5, 0), kernel(semconv.EventProcessOOMKill, "", "", "")),
		"11 refused":                  incident(host, orders(1, 0), kernel(semconv.EventTCPConnectFailed, "ECONNREFUSED", "orders", "10.0.0.3:8003")),
		"12 no answer":                incident(Cause{Name: "10.0.0.9:5432"}, orders(0.6, 0.2), kernel(semconv.EventTCPConnectFailed, "ETIMEDOUT", "orders", "10.0.0.9:5432")),
		"13 name server":              incident(Cause{Name: "coredns"}, orders(0.3, 0), Fact{Kind: FactNames, Peer: "payment", What: "api.bank.com", Quote: "lookup api.bank.com: no such host", After: 1}),
		"14 crash loop":               incident(pay, orders(0.9, 0), kernel(semconv.EventProcessExit, "2", "", "")),
		"15 throttled":                incident(host, orders(0, 0.4), kernel(semconv.MetricCgroupCPUThrottledPeriods, "", "", "/shop")),
		"16 disk":                     incident(host, orders(0, 0.4), diskWait()),
		"17 packet loss on loopback":  incident(host, orders(0, 0.1), kernel(semconv.EventTCPRetransmitBurst, "", "orders", "127.0.0.1:8003")),
		"18 program started":          incident(pay, nil, kernel(semconv.EventProcessExec, "xmrig", "/dev/shm/xmrig", "")),
		"19 files denied":             incident(host, nil, kernel(semconv.EventFileOpen, "EACCES", "/etc/ssl/private", "")),
		"20 network":                  incident(pay, orders(0, 0.9), Fact{Kind: FactNetwork, Peer: "orders", Before: 1, After: 300, Unit: "ms"}),
		"21 slow code":                incident(pay, orders(0, 0.9), Fact{Kind: FactSlow, What: "POST /pay", Before: 5, After: 310, Unit: "ms", Share: 0.25, Evidence: span("79")}),
		"22 creep":                    incident(pay, orders(0, 0.1), Fact{Kind: FactCreep, What: "POST /pay", Before: 50, After: 210, Unit: "ms", Hours: 7}),
		"23 error log only":           incident(Cause{Name: "payment", Logs: true, Selector: "log.file.name=payment.log"}, nil, Fact{Kind: FactErrorLog, Quote: "pool of orders-db exhausted", Count: 240, New: true}),
		"24 external API":             incident(Cause{Name: "api.bank.com"}, orders(0.18, 0), Fact{Kind: FactCallsFail, Peer: "payment", Quote: "503 Service Unavailable", After: 0.9, New: true}),
		"25 silent":                   incident(pay, nil, Fact{Kind: FactSilent, Evidence: []model.EvidenceRef{{Kind: model.EvidenceMetric, ID: `process.uptime{service.name="payment"}`}}}),
		"26 CPU, observation":         incident(pay, &model.Impact{}, Fact{Kind: FactResource, What: "container.cpu.utilization", Before: 0.35, After: 0.78, Unit: "1"}).with(quiet),
		"27 forecast":                 incident(pay, &model.Impact{}, Fact{Kind: FactForecast, Peer: "Memory", What: "container.memory.utilization", Before: 0.5, After: 0.82, Unit: "1", Until: start + 1800*second}).with(quiet),
		"28 step skipped":             incident(pay, &model.Impact{}, Fact{Kind: FactSkipped, What: "calls notification Send", Peer: "POST /pay", Before: 1, After: 0}).with(quiet),
		"29 callees stopped":          incident(pay, &model.Impact{}, Fact{Kind: FactStopped, Peers: []string{"email", "ledger"}}).with(quiet),
		"30 rollout":                  incident(pay, &model.Impact{}, Fact{Kind: FactRestart}).with(func(i *Incident) { i.Kind, i.State = model.GroupChange, model.GroupOpen }),
		"31 restarts":                 incident(pay, orders(0.1, 0), Fact{Kind: FactRestarts, Count: 5}),
		"32 expired certificate":      incident(pay, orders(1, 0), Fact{Kind: FactFailing, What: "x", Peer: "POST /pay", Quote: "x509: certificate has expired or is not yet valid", After: 1, New: true}).with(func(i *Incident) { i.Type = model.GroupSecurity }),
		"33 merged":                   onePod().with(func(i *Incident) { i.State, i.MergedInto = model.GroupMerged, "g-0" }),
		"34 split":                    onePod().with(func(i *Incident) { i.SplitFrom = "g-0" }),
		"35 reopened and seen before": slowDatabase().with(seenBefore),
		"36 requests end early":       incident(pay, nil, Fact{Kind: FactEndsEarly, Peer: "POST /pay", After: 1, Before: 1}),
		"37 unusual volume of lines":  incident(pay, &model.Impact{}, Fact{Kind: FactLogVolume, Quote: "retrying charge", Before: 2, After: 240}).with(quiet),
		"38 also consider":            incident(Cause{Name: "printer"}, &model.Impact{}, Fact{Kind: FactMetric, What: "printer.queue.length", Before: 11, After: 40, Unit: "{job}"}).with(quiet).with(func(i *Incident) { i.Further = true }),
		"39 observation over":         incident(pay, &model.Impact{}, Fact{Kind: FactResource, What: "container.cpu.utilization", Before: 0.35, After: 0.78, Unit: "1"}).with(quiet).with(func(i *Incident) { i.State, i.Over = model.GroupClosed, start+300*second }),
		"40 failing and slow":         incident(pay, orders(0.3, 0.4), Fact{Kind: FactFailing, What: "fails", Peer: "POST /pay", Before: 0.01, After: 0.4}),
	}
}

func quiet(i *Incident) { i.Kind, i.State = model.GroupObservation, model.GroupOpen }

func seenBefore(i *Incident) {
	i.State, i.Reopened, i.SimilarN = model.GroupReopened, true, 3
	i.Similar = []model.SimilarIncident{{GroupID: "g-0", Range: model.TimeRange{Start: start - 86400*second, End: start - 86000*second}, EndedBy: "payments-db 12.4"}}
}

// What people read of forty incidents is what stands in testdata;
// TAPIO_UPDATE_GOLDEN=1 writes it.
func TestTextsOfIncidents(t *testing.T) {
	for name, in := range goldenIncidents() {
		actions := in.Actions()
		var b strings.Builder
		fmt.Fprintf(&b, "%s\n\n%s\n\nDeveloper:\n%s\n\nManager:\n%s\n", in.Title(), in.SRE(actions), in.Developer(), in.Manager())
		for _, a := range actions {
			fmt.Fprintf(&b, "\n- %s: %s\n", a.Title, a.Description)
			for _, command := range a.Commands {
				fmt.Fprintf(&b, "  $ %s\n", command)
			}
		}
		path := filepath.Join("testdata", strings.NewReplacer(" ", "-", ",", "").Replace(name)+".txt")
		if os.Getenv("TAPIO_UPDATE_GOLDEN") == "1" {
			require.NoError(t, os.WriteFile(path, []byte(b.String()), 0o600))
		}
		want, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.Equal(t, string(want), b.String(), name)
		assert.LessOrEqual(t, len(in.Title()), MaxTitle, name)
		assert.NotContains(t, b.String(), "%!", name)
		assert.NotContains(t, b.String(), "  \n", name)
	}
}
