// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package pprofscrape fetches profiles from the net/http/pprof endpoints of programs.
package pprofscrape

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/otlp"
	"github.com/tapio/tapio/internal/pprof"
)

// maxBytes bounds a profile as it is sent, maxUnpackedBytes what it unpacks to, and
// maxDecodedBytes the memory that it needs to be decoded.
const (
	maxBytes         = 8 << 20
	maxUnpackedBytes = 32 << 20
	maxDecodedBytes  = 256 << 20
)

// answerWithin is how long a program may take to answer, beside the time that it profiles.
const answerWithin = 20 * time.Second

// Target is a program to profile.
type Target struct {
	URL        string // of the folder of the endpoints, for example http://localhost:6060/debug/pprof
	Client     *http.Client
	Kinds      []Kind
	Attributes model.Attributes // of its resource
	Interval   time.Duration
	CPU        time.Duration // how long the CPU is profiled
	// Turn is held while a profile is decoded, which takes memory.
	Turn sync.Locker
	// Write takes the profiles.
	Write func(ctx context.Context, profiles []model.Profile) error
	// Report is called with the outcome of each fetch.
	Report func(kind Kind, err error)
}

// Run fetches profiles until ctx ends.
func (t *Target) Run(ctx context.Context) {
	before := map[Kind]snapshot{}
	ticker := time.NewTicker(t.Interval)
	defer ticker.Stop()
	for {
		for _, kind := range t.Kinds {
			err := t.fetch(ctx, kind, before)
			if ctx.Err() != nil {
				return
			}
			t.Report(kind, err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// snapshot is what a program had counted at a time, as it was sent.
type snapshot struct {
	at   time.Time
	data []byte
}

// fetch gets one profile and passes it on. Of what is counted since the start of the
// program that is what was added since the fetch before.
func (t *Target) fetch(ctx context.Context, kind Kind, before map[Kind]snapshot) error {
	data, err := t.get(ctx, kind)
	if err != nil {
		return err
	}
	now := snapshot{time.Now(), data}
	t.Turn.Lock()
	defer t.Turn.Unlock()
	var profiles []model.Profile
	if !kind.cumulative() {
		profiles, err = now.decode()
	} else {
		earlier, found := before[kind]
		before[kind] = now
		if !found {
			return nil
		}
		profiles, err = now.since(earlier)
	}
	if err != nil {
		return err
	}
	profiles = kind.selected(profiles)
	for i := range profiles {
		profiles[i].Resource = &model.Resource{Attributes: t.Attributes}
	}
	return t.Write(ctx, profiles)
}

func (s snapshot) decode() ([]model.Profile, error) {
	data, err := s.unpack()
	if err != nil {
		return nil, err
	}
	return pprof.Decode(data)
}

// unpack returns the file, if it can be decoded within bounds.
func (s snapshot) unpack() ([]byte, error) {
	data, err := pprof.Unpack(s.data, maxUnpackedBytes)
	if err != nil {
		return nil, err
	}
	// What is no protobuf is left to the decoder, which names the fault.
	if weight, _ := otlp.NewScale().Pprof(data, maxDecodedBytes); weight > maxDecodedBytes {
		return nil, fmt.Errorf("the profile needs more than %d MiB of memory to be decoded", maxDecodedBytes>>20)
	}
	return data, nil
}

// since is what was added after an earlier snapshot.
func (s snapshot) since(earlier snapshot) ([]model.Profile, error) {
	before, err := earlier.unpack()
	if err != nil {
		return nil, err
	}
	now, err := s.unpack()
	if err != nil {
		return nil, err
	}
	profiles, err := pprof.Since(before, now)
	for i := range profiles {
		profiles[i].Time, profiles[i].Duration = model.Nanos(earlier.at.UnixNano()), s.at.Sub(earlier.at)
	}
	return profiles, err
}

func (t *Target) get(ctx context.Context, kind Kind) ([]byte, error) {
	limit := answerWithin
	url := strings.TrimSuffix(t.URL, "/") + "/" + string(kind)
	if kind == CPU {
		url = fmt.Sprintf("%s/profile?seconds=%d", strings.TrimSuffix(t.URL, "/"), int(t.CPU.Seconds()))
		limit += t.CPU
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, err
	}
	response, err := t.Client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	data, err := io.ReadAll(io.LimitReader(response.Body, maxBytes+1))
	switch {
	case err != nil:
		return nil, err
	case response.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("%s answers %s", url, response.Status)
	case len(data) > maxBytes:
		return nil, fmt.Errorf("%s sends more than %d bytes", url, maxBytes)
	default:
		return data, nil
	}
}
