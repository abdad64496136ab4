// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package archiving runs the archive of a store as it is configured.
package archiving

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/tapio/tapio/extension/tapioextension/internal/api"
	"github.com/tapio/tapio/internal/archive"
	"github.com/tapio/tapio/internal/archive/bucket"
	"github.com/tapio/tapio/internal/archive/s3bucket"
	"github.com/tapio/tapio/internal/panics"
	"github.com/tapio/tapio/internal/store"
)

const (
	backoff, maxBackoff = time.Second, time.Minute
	// restoreAttempts is how often a restore tries one request, for about a minute in all.
	restoreAttempts = 6
)

// Options is what an archive needs besides its configuration.
type Options struct {
	Store     *store.Store
	Positions *archive.Positions
	Logger    *zap.Logger
	// Trouble is called when the object store cannot be written, and with nil when it can again.
	Trouble  func(err error)
	Panicked func(err error)
}

// Archive is an open archive. A nil one does nothing.
type Archive struct {
	Options
	config   *Config
	objects  bucket.Bucket
	archiver *archive.Archiver // nil: nothing is uploaded
	stop     context.CancelFunc
	stopped  chan struct{}
}

// Open prepares the archive, nil without a bucket. It does not connect.
func Open(ctx context.Context, cfg *Config, options Options) (*Archive, error) { //nolint:contextcheck // uploads outlive the context of the start
	if !cfg.Enabled() {
		return nil, nil
	}
	objects, err := cfg.open(ctx)
	if err != nil {
		return nil, err
	}
	a := &Archive{Options: options, config: cfg, objects: objects}
	if !cfg.Upload {
		return a, nil
	}
	running, stop := context.WithCancel(context.Background())
	profiles := func(after uint64) archive.ProfileTail { return store.TailProfiles(options.Store, after) }
	a.archiver, err = archive.NewArchiver(running, options.Store.Reader(), profiles, archive.Options{ //nolint:contextcheck // uploads outlive the context of the start
		Bucket: objects, Prefix: cfg.Prefix, Signals: cfg.Signals, FlushBytes: int(cfg.FlushSize), FlushInterval: cfg.FlushInterval,
		Timeout: cfg.Timeout, Backoff: backoff, MaxBackoff: maxBackoff, Positions: options.Positions, Failing: a.failing,
		Report: func(problem string, err error) { options.Logger.Warn(problem, zap.Error(err)) }, Now: time.Now,
	})
	if err != nil {
		stop()
		return nil, err
	}
	a.stop, a.stopped = stop, make(chan struct{})
	go func() {
		defer close(a.stopped)
		panics.Restart(running.Done(), func() { a.archiver.Run(running) }, options.Panicked)
	}()
	return a, nil
}

// open makes the client of the bucket.
func (c *Config) open(ctx context.Context) (bucket.Bucket, error) {
	options := s3bucket.Options{
		Bucket: c.Bucket, Endpoint: c.Endpoint, Region: c.Region, VirtualHosts: c.VirtualHosts, AccessKeyID: c.AccessKeyID,
		SecretAccessKey: string(c.SecretAccessKey), StorageClass: c.StorageClass, Encryption: c.Encryption.Type, KMSKeyID: c.Encryption.KMSKeyID,
	}
	if client := c.TLS.Get(); client != nil {
		var err error
		if options.TLS, err = client.LoadTLSConfig(ctx); err != nil {
			return nil, fmt.Errorf("tls: %w", err)
		}
	}
	options.CustomerKey, _ = base64.StdEncoding.DecodeString(string(c.Encryption.CustomerKey)) // was validated
	return s3bucket.New(ctx, options)
}

func (a *Archive) failing(err error) {
	if err == nil {
		a.Logger.Info("the archive is written again", zap.String("bucket", a.config.Bucket))
		a.Trouble(nil)
		return
	}
	err = fmt.Errorf("archive: bucket %s: %w: records wait in the store and are lost to the archive once they are evicted", a.config.Bucket, err)
	a.Logger.Warn("failed to write the archive, trying again", zap.Error(err))
	a.Trouble(err)
}

// Access is how the API reads the archive, nil without one.
func (a *Archive) Access() *api.ArchiveAccess {
	if a == nil {
		return nil
	}
	access := &api.ArchiveAccess{Restoring: make(chan struct{}, 1), Restorer: &archive.Restorer{
		Bucket: a.objects, Prefix: a.config.Prefix, Timeout: a.config.Timeout, Attempts: restoreAttempts, Backoff: backoff,
	}}
	if !a.config.Upload {
		access.Sink = a.Store
	}
	return access
}

// Stats returns the figures, of nothing without an archive.
func (a *Archive) Stats() archive.Stats {
	if a == nil || a.archiver == nil {
		return archive.Stats{}
	}
	return a.archiver.Stats()
}

// Stop ends the work. What is not written goes on from there in the next archive of the
// same store.
func (a *Archive) Stop() {
	if a == nil || a.archiver == nil {
		return
	}
	a.stop()
	<-a.stopped
}

// End writes what is stored, as far as the context allows, after Stop. The error says how
// many records the archive lacks, unless the store is kept in a directory: they are written
// after the next start then.
func (a *Archive) End(ctx context.Context) (err error) {
	if a == nil || a.archiver == nil {
		return nil
	}
	if panicked := panics.Catch(func() { err = a.end(ctx) }); panicked != nil {
		a.Panicked(panicked)
		return panicked
	}
	return err
}

func (a *Archive) end(ctx context.Context) error {
	err := a.archiver.Flush(ctx)
	if err == nil {
		return nil
	}
	if a.Positions.Kept() {
		a.Logger.Warn("failed to write the end of the archive, it is written after the next start", zap.Error(err))
		return nil
	}
	var lacks []string
	rest := a.archiver.Rest()
	for _, signal := range archive.Signals() {
		if records := rest[signal]; records > 0 {
			lacks = append(lacks, fmt.Sprintf("%d of %s", records, signal))
		}
	}
	return fmt.Errorf("archive: bucket %s lacks the last records (%s): %w", a.config.Bucket, strings.Join(lacks, ", "), err)
}
