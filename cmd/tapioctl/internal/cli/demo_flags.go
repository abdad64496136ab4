// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/tapio/tapio/cmd/tapioctl/internal/demo"
	"github.com/tapio/tapio/cmd/tapioctl/internal/dial"
	"github.com/tapio/tapio/cmd/tapioctl/internal/exitcode"
)

// demoFlags are those of demo.
type demoFlags struct {
	fault      string
	faultAfter time.Duration
	faultFor   time.Duration
	duration   time.Duration
	rate       float64
	otlp       string
	ui         string
}

// checkFault checks the flags about the fault by themselves.
func (f *demoFlags) checkFault() error {
	if f.fault != "" {
		if _, err := demo.FindFault(f.fault); err != nil {
			return exitcode.UsageErrorf("--fault: %v", err)
		}
	}
	switch {
	case f.faultAfter < 0:
		return exitcode.UsageErrorf("--fault-after must be 0 or more, is %v", f.faultAfter)
	case f.faultFor < 0:
		return exitcode.UsageErrorf("--fault-for must be 0 or more, is %v", f.faultFor)
	case f.faultFor > 0 && f.fault == "":
		return exitcode.UsageErrorf("--fault-for %v needs --fault: name the fault to end", f.faultFor)
	}
	return nil
}

// complete checks the flags and derives the addresses from that of the server.
func (f *demoFlags) complete(global *dial.Flags) error {
	if err := f.checkFault(); err != nil {
		return err
	}
	switch {
	case f.rate <= 0 || f.rate > demo.MaxRate:
		return exitcode.UsageErrorf("--rate must be above 0 and at most %d requests per second, is %v", demo.MaxRate, f.rate)
	case f.duration < 0:
		return exitcode.UsageErrorf("--duration must be 0 or more, is %v", f.duration)
	case f.fault != "" && f.duration > 0 && f.duration <= f.faultAfter:
		return exitcode.UsageErrorf("--duration %v must be longer than --fault-after %v: the fault would not start", f.duration, f.faultAfter)
	case f.faultFor > 0 && f.duration > 0 && f.duration-f.faultAfter <= f.faultFor:
		return exitcode.UsageErrorf("--duration %v must be longer than --fault-after %v and --fault-for %v together: the shop would end before the fault",
			f.duration, f.faultAfter, f.faultFor)
	}
	server, scheme := global.Server, "http"
	if global.WantsTLS() {
		scheme = "https"
	}
	host, _, err := net.SplitHostPort(server)
	if (err != nil || strings.Contains(server, "/")) && (f.otlp == "" || f.ui == "") {
		return exitcode.UsageErrorf("--server %s is not host:port: set --otlp-endpoint and --ui", server)
	}
	if f.otlp == "" {
		f.otlp = scheme + "://" + net.JoinHostPort(host, "4318")
	}
	if f.ui == "" {
		f.ui = scheme + "://" + net.JoinHostPort(host, defaultHTTPPort)
	}
	return nil
}

// end describes when the fault ends by itself.
func (f *demoFlags) end() string {
	if f.faultFor == 0 {
		return ""
	}
	return fmt.Sprintf(" and ends %v later", f.faultFor)
}
