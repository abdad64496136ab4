// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profilerules

func exceptions() Rule {
	return Rule{
		ID: "exceptions", Title: "Exceptions and stack traces", Applies: CPU,
		Threshold: 0.03, Source: "Datadog automated analysis",
		Explanation: "Stack traces are recorded often: exceptions are thrown in the normal flow, or a log line carries a stack.",
		Advice: "Do not throw for expected results; reuse exceptions without a stack trace; record stacks for unexpected errors " +
			"only.",
		Frames: []Frames{
			{Language: Go, Functions: []string{"runtime.Callers", "runtime.Stack", "runtime/debug.Stack", "runtime/debug.PrintStack"}},
			{Language: Java, Functions: []string{"java.lang.Throwable.fillInStackTrace", "JVM_FillInStackTrace", "java_lang_Throwable::fill_in_stack_trace*"}},
			{Language: Python, Files: []string{"traceback.py"}},
			{Language: Node, Functions: []string{"*captureStackTrace", "prepareStackTrace*", "v8::internal::Isolate::Capture*Stack*"}},
			{Language: Native, Functions: []string{"__cxa_throw", "_Unwind_RaiseException", "_Unwind_Backtrace", "backtrace"}},
		},
	}
}
