// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profilerules

func clock() Rule {
	return Rule{
		ID: "clock", Title: "Reading the clock", Applies: CPU,
		Threshold: 0.05, Source: "proposal",
		Explanation: "The time is read very often. Where the kernel's clock source is not the TSC, each reading is a system call.",
		Advice: "Read the time once for a batch of work; check " +
			"/sys/devices/system/clocksource/clocksource0/current_clocksource.",
		Frames: []Frames{
			{Language: Go, Functions: []string{"time.Now", "time.Since", "time.Until"}},
			{Language: Java, Functions: []string{"java.lang.System.currentTimeMillis", "java.lang.System.nanoTime", "java.time.Instant.now", "os::javaTime*"}},
			{Language: Native, Functions: []string{"clock_gettime", "__clock_gettime*", "__vdso_clock_gettime", "__vdso_gettimeofday", "gettimeofday"}},
			{Language: Kernel, Functions: []string{"__x64_sys_clock_gettime", "__do_sys_clock_gettime"}},
		},
	}
}
