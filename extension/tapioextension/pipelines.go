// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapioextension

import (
	"fmt"
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.uber.org/zap"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/store"
)

// ClaimStore gives the store to the exporter that fills it. All instances of
// one exporter, one a signal, share the claim; a second exporter is an error.
// Each instance releases it when it shuts down.
func (e *tapioExtension) ClaimStore(exporter component.ID) (store.Claim, error) {
	if e.store == nil {
		return store.Claim{}, fmt.Errorf("extension %q is not started: add it to service::extensions", e.set.ID)
	}
	e.writer.Lock()
	defer e.writer.Unlock()
	if e.writer.n > 0 && e.writer.id != exporter {
		return store.Claim{}, fmt.Errorf("extension %q is filled by the exporter %q already: "+
			"use that one in every pipeline, or give %q an extension of its own "+
			"(extensions: {tapio/2: ...} and exporters: {%s: {extension: tapio/2}})",
			e.set.ID, e.writer.id, exporter, exporter)
	}
	e.writer.id = exporter
	e.writer.n++
	return store.Claim{Store: e.store, Await: e.trial.Await, Release: sync.OnceFunc(e.releaseStore)}, nil
}

func (e *tapioExtension) releaseStore() {
	e.writer.Lock()
	defer e.writer.Unlock()
	e.writer.n--
}

// AttachEvents makes the receiver the way into the pipeline for what clients
// write. detach waits for writes under way.
func (e *tapioExtension) AttachEvents(receiver component.ID, sink model.EventSink) (detach func(), err error) {
	if e.store == nil {
		return nil, fmt.Errorf("extension %q is not started: add it to service::extensions", e.set.ID)
	}
	detach, err = e.api.Events.Attach(receiver.String(), sink)
	if err != nil {
		return nil, fmt.Errorf("extension %q: %w", e.set.ID, err)
	}
	e.set.Logger.Debug("Event receiver attached", zap.Stringer("receiver", receiver))
	return detach, nil
}
