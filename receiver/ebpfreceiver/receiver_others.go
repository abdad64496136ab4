//go:build !linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package ebpfreceiver

import (
	"context"
	"errors"

	"go.opentelemetry.io/collector/component/componentstatus"
)

var errNotLinux = errors.New("the ebpf receiver sees the kernel of Linux only; on this system it delivers nothing")

func (r *ebpfReceiver) run() (stop func(context.Context) error, err error) {
	if r.config.ErrorMode == ErrorModePropagate {
		return nil, errNotLinux
	}
	r.set.Logger.Warn(errNotLinux.Error())
	r.report(componentstatus.NewPermanentErrorEvent(errNotLinux))
	return nil, nil
}
