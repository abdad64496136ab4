// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profilerules

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
)

// Frames as profilers of each language write them.
func TestFrameNames(t *testing.T) {
	for stack, rule := range map[string]string{
		"<module> (app.py:3);handle (app.py:9);compile (re/__init__.py:227);compile (re/_compiler.py:743)":                          "regexp-compile", // py-spy
		"/srv/app.py:9 - handle;/usr/lib/python3.9/sre_parse.py:948 - parse":                                                        "regexp-compile", // Pyroscope
		"java/lang/Thread.run;shop/Cart.add;java/util/regex/Pattern.compile":                                                        "regexp-compile", // async-profiler
		"Thread.run;java.util.regex.Pattern java.util.regex.Pattern.compile(java.lang.String)":                                      "regexp-compile", // eBPF profiler
		"Thread::run;Ljava/util/regex/Pattern:::compile":                                                                            "regexp-compile", // perf map
		"node;LazyCompile:*match /srv/app.js:4;v8::internal::RegExpImpl::IrregexpPrepare;v8::internal::RegExpImpl::CompileIrregexp": "regexp-compile",
		"main;serde::to;rust::App::run;regex_automata::meta::regex::Builder::build_many":                                            "regexp-compile",
		"<module> (app.py:3);dumps (json/__init__.py:231);encode (json/encoder.py:200)":                                             "json-reflection",
		"node;handle (/srv/app.js:10:5);v8::internal::JsonStringifier::Serialize_":                                                  "json-reflection",
		"java/lang/Thread.run;com/fasterxml/jackson/databind/ObjectMapper.writeValueAsString":                                       "json-reflection",
		"GC_Thread#0;thread_native_entry":                                                                                           "jvm-gc", // perf
		"[GC Thread#1 tid=17];start_thread":                                                                                         "jvm-gc", // async-profiler -t
		"WorkerThread::run;G1ParScanThreadState::trim_queue_to(int)":                                                                "jvm-gc",
		"(root);(garbage collector)":                                                                                                "v8-gc",
		"node::Start;v8::internal::Heap::CollectGarbage(v8::internal::AllocationSpace)":                                             "v8-gc",
		"_PyEval_EvalFrameDefault;gc_collect_main;deduce_unreachable":                                                               "cpython-gc",
		"shop/Cart.sum;java/lang/Integer.valueOf":                                                                                   "boxing",
		"shop/Cart.add;java/lang/Throwable.<init>;java/lang/Throwable.fillInStackTrace":                                             "exceptions",
		"main;parse(std::string const&);__cxa_throw;_Unwind_RaiseException":                                                         "exceptions",
		"start_thread;take_gil": "python-gil",
		"main;runtime.mallocgc;runtime.gcAssistAlloc;runtime.gcAssistAlloc1":        "go-gc-assist",
		"runtime.gcBgMarkWorker;runtime.systemstack;runtime.gcDrain":                "go-gc-background",
		"main.work;sync.(*Mutex).Lock;internal/sync.(*Mutex).lockSlow":              "spinning-locks",
		"main;entry_SYSCALL_64_after_hwframe_[k];do_syscall_64_[k];ksys_read_[k]":   "system-calls",
		"main;memset;asm_exc_page_fault_[k];exc_page_fault_[k];clear_page_erms_[k]": "page-faults",
		"handle (app.py:9);info (logging/__init__.py:1477)":                         "logging",
		"main;SSL_connect;ossl_statem_connect":                                      "tls-handshake",
		"main;compress2;deflate;longest_match":                                      "compression",
		"main;EVP_DigestUpdate;sha256_block_data_order_avx2":                        "hashing",
		"main;__memmove_avx_unaligned_erms":                                         "memory-copy",
		"main;svc::Order::Send;google::protobuf::MessageLite::SerializeToString":    "protobuf",
		"main;std::_Hashtable<int>::_M_rehash(unsigned long)":                       "map-growth",
		"main;__vdso_clock_gettime":                                                 "clock",
		"main;snprintf;__vfprintf_internal":                                         "text-formatting",
	} {
		got := found(folded(t, cpuSamples(), stack+" 40\nmain;work 60\n"))
		assert.Contains(t, got, rule, stack)
		assert.InDelta(t, 0.4, got[rule], 1e-9, "%s: a stack counts once", stack)
	}
}

// What looks like a bottleneck by name and is none.
func TestHealthyStacks(t *testing.T) {
	for _, stack := range []string{
		"main.main;reflect.Value.Call;reflect.Value.call;main.handle;main.compute",
		"runtime.main;runtime.doInit1;shop.init;regexp.MustCompile;regexp.compile",
		"java/lang/Thread.run;shop/Patterns.<clinit>;java/util/regex/Pattern.compile",
		"runtime.gcBgMarkWorker;runtime.systemstack;runtime.gcDrainMarkWorkerIdle;runtime.gcDrain",
		"net/http.HandlerFunc.ServeHTTP;github.com/klauspost/compress/gzhttp.(*handler).ServeHTTP;main.handle",
		"main;runtime.memmove;main.callback", // copying counts by itself only
		"handle (app.py:9);compile (shop/core/compiler.py:3)",
		"main;deflated;inflater",
	} {
		assert.Empty(t, Find(folded(t, cpuSamples(), stack+" 90\nmain;work 10\n"), nil), stack)
	}
}

// Names of one language are none of another if the profiler knows the language.
func TestLanguages(t *testing.T) {
	tree := folded(t, cpuSamples(), "main;deflate 50\nmain;work 50\n")
	require.Contains(t, found(tree), "compression")
	for kind, matches := range map[string]bool{"native": true, "cpython": false, "ruby": false, "kernel": false} {
		for i := range tree.Frames {
			tree.Frames[i].Kind = kind
		}
		assert.Equal(t, matches, len(Find(tree, nil)) > 0, kind)
	}
}

func TestThresholds(t *testing.T) {
	const stacks = "main;regexp.Compile %d\nmain;work %d\n"
	at := folded(t, cpuSamples(), fmt.Sprintf(stacks, 20, 980))
	assert.Empty(t, Find(at, nil), "at the threshold and not above")
	above := folded(t, cpuSamples(), fmt.Sprintf(stacks, 21, 979))
	assert.InDelta(t, 0.021, found(above)["regexp-compile"], 1e-9)
	assert.Empty(t, Find(folded(t, cpuSamples(), fmt.Sprintf(stacks, 4, 4)), nil), "too few samples")
	assert.Empty(t, Find(folded(t, model.ProfileType{Name: "alloc_space", Unit: "bytes"}, fmt.Sprintf(stacks, 50, 50)), nil), "no rule for the type")
	assert.Empty(t, Find(&model.CallTree{Type: cpuSamples()}, nil))
}

func TestOrderFunctionsAndCallers(t *testing.T) {
	list := Find(folded(t, cpuSamples(), `main;main.load;encoding/json.Unmarshal;reflect.New 30
main;main.save;encoding/json.Marshal;encoding/json.structEncoder.encode;encoding/json.Marshal 20
main;main.save;runtime.convT;runtime.mallocgc 40
main;work 10
`), nil)
	require.Len(t, list, 2)
	assert.Equal(t, "json-reflection", list[0].Rule.ID)
	assert.Equal(t, []Cost{{Name: "encoding/json.Unmarshal", Value: 30, Share: 0.3}, {Name: "encoding/json.Marshal", Value: 20, Share: 0.2}}, list[0].Functions)
	assert.Equal(t, []Cost{{Name: "main.load", Value: 30, Share: 0.3}, {Name: "main.save", Value: 20, Share: 0.2}}, list[0].Callers)
	assert.Equal(t, "go-allocation", list[1].Rule.ID)
	assert.Equal(t, "main.save", list[1].Callers[0].Name, "not Go's runtime")
}

// The system call is named, not the entry into the kernel.
func TestSystemCallIsNamed(t *testing.T) {
	list := Find(folded(t, cpuSamples(), "app;main;entry_SYSCALL_64_after_hwframe;do_syscall_64;__x64_sys_read;ksys_read;vfs_read 50\napp;main 50\n"), nil)
	require.Len(t, list, 1)
	assert.Equal(t, "ksys_read", list[0].Functions[0].Name)
	assert.Equal(t, "main", list[0].Callers[0].Name)
}

func TestOffCPU(t *testing.T) {
	tree := folded(t, model.ProfileType{Name: "off_cpu", Unit: "nanoseconds"}, "main;read;io_schedule 500000000\nmain;pthread_mutex_lock 300000000\nidle;epoll_wait 9000000000\n")
	tree.Duration = time.Second
	assert.Equal(t, map[string]float64{"io-wait": 0.5, "lock-wait": 0.3}, found(tree))
	tree.Duration = 10 * time.Second
	assert.Empty(t, Find(tree, nil))
}

// The JVM's own functions have no symbols; the names of its threads show what they do.
func TestGCThreads(t *testing.T) {
	tree := folded(t, cpuSamples(), "java.lang.Thread.run;shop.Cart.add 700\nlibjvm 300\n")
	assert.False(t, NeedsThreads(tree))
	tree.Frames[0].Kind = "jvm"
	assert.True(t, NeedsThreads(tree))
	for name, matches := range map[string]bool{
		"GC Thread#3": true, "G1 Conc#0": true, "VM Thread": true, "ZWorkerYoung#1": true, "http-nio-8080": false, "C2 CompilerThre": false,
	} {
		assert.Equal(t, matches, regexp.MustCompile("^(?:"+GCThreads+")$").MatchString(name), name)
	}
	list := Find(tree, folded(t, cpuSamples(), "libjvm 300\n"))
	require.Len(t, list, 1)
	assert.Equal(t, "jvm-gc", list[0].Rule.ID)
	assert.InDelta(t, 0.3, list[0].Share, 1e-9)
	assert.Equal(t, "libjvm", list[0].Functions[0].Name)
	assert.Empty(t, Find(tree, folded(t, cpuSamples(), "libjvm 100\n")), "at the threshold")
}

func TestWarnings(t *testing.T) {
	tree := folded(t, cpuSamples(), "main;work 1000\n")
	assert.Empty(t, Warnings(tree, 49, 49))
	list := Warnings(tree, 50, 125)
	require.Len(t, list, 2)
	assert.Contains(t, list[0], "5.0% of the samples have no function name")
	assert.Contains(t, list[1], "stacks of 12.5% of the samples are not complete")
	assert.Contains(t, Warnings(folded(t, cpuSamples(), "main 99\n"), 0, 0)[0], "99 samples only")
	assert.Empty(t, Warnings(&model.CallTree{}, 0, 0))
}

// Each rule is complete and has a name of its own.
func TestRulesAreComplete(t *testing.T) {
	known := map[string]bool{}
	for _, r := range Rules() {
		assert.Regexp(t, `^[a-z0-9]+(-[a-z0-9]+)*$`, r.ID)
		assert.False(t, known[r.ID], r.ID)
		known[r.ID] = true
		assert.Equal(t, r.ID == "busy-thread", len(r.Frames) == 0, r.ID)
		assert.NotZero(t, r.Applies, r.ID)
		assert.True(t, r.Threshold > 0 && r.Threshold < 1, r.ID)
		for _, text := range []string{r.Title, r.Source, r.Explanation, r.Advice} {
			assert.NotEmpty(t, text, r.ID)
		}
		assert.FileExists(t, "rule_"+strings.ReplaceAll(r.ID, "-", "_")+".go")
	}
}

// The table of the guide lists the rules as they are.
func TestGuideListsTheRules(t *testing.T) {
	guide, err := os.ReadFile("../../docs/how-to/profiles.md")
	require.NoError(t, err)
	var want []string
	for _, r := range Rules() {
		want = append(want, row(&r))
	}
	got := regexp.MustCompile("(?m)^\\| `[a-z0-9-]+` \\| .* \\| .*% .* \\|$").FindAllString(string(guide), -1)
	assert.Equal(t, want, got, "the table must be\n%s", strings.Join(want, "\n"))
}

func row(r *Rule) string {
	var languages []string
	for _, f := range r.Frames {
		languages = append(languages, string(f.Language))
	}
	of := map[bool]string{true: "of CPU time", false: "of the profiled time"}[r.Applies&CPU != 0]
	if len(r.Frames) == 0 {
		languages, of = []string{"all"}, "of one CPU"
	}
	return fmt.Sprintf("| `%s` | %s | %s | %.0f%% %s | %s |", r.ID, r.Title, strings.Join(languages, ", "), 100*r.Threshold, of, r.Source)
}

func BenchmarkFind(b *testing.B) {
	tree := &model.CallTree{Type: cpuSamples(), Nodes: make([]model.CallNode, 1)}
	for i := range 20_000 {
		tree.Frames = append(tree.Frames, model.Frame{Function: fmt.Sprintf("github.com/shop/checkout.(*Order%d).add", i), File: "/src/order.go"})
	}
	for i := range 200_000 {
		tree.Nodes = append(tree.Nodes, model.CallNode{Parent: uint32(i - i/50*50), Frame: uint32(i % 20_000), Self: 1, Total: 1})
		tree.Nodes[0].Total++
	}
	for b.Loop() {
		Find(tree, nil)
	}
}
