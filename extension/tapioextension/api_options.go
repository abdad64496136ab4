// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapioextension

import (
	"time"

	"github.com/tapio/tapio/extension/tapioextension/internal/api"
	"github.com/tapio/tapio/extension/tapioextension/internal/dedup"
	"github.com/tapio/tapio/internal/store"
)

func (e *tapioExtension) apiOptions() api.Options {
	var shared dedup.Shared
	if e.shared != nil {
		shared = e.shared
	}
	return api.Options{
		Shared:                 shared,
		Store:                  e.reader,
		Figures:                e.store,
		Symbols:                store.SymbolsOf(e.store),
		ID:                     e.members.id(),
		Name:                   e.set.BuildInfo.Command,
		Version:                e.set.BuildInfo.Version,
		MaxAge:                 e.cfg.Store.MaxAge,
		MaxReceiveMessageBytes: e.maxReceiveMessageBytes(),
		MaxBodyBytes:           e.maxBodyBytes(),
		Limits:                 e.cfg.limits(),
		Access:                 e.cfg.access(),
		Intake:                 e.intake,
		Fleet:                  e.fleet,
		Seen:                   e.seen,
		Notifier:               e.notifier,
		SLOs:                   e.slos,
		Prices:                 e.cfg.Cost.prices(),
		Archive:                e.archive.Access(),
		Observe:                e.observeBatch,
		Links:                  e.cfg.queryAPILinks(),
		Trouble:                e.health.all,
		Panicked:               e.panics.add,
		Logger:                 e.set.Logger,
		Now:                    time.Now,
	}
}
