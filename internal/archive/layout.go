// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"fmt"
	"hash/fnv"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/tapio/tapio/internal/model"
)

// Names of signals, as in keys and configuration.
const (
	Logs     = "logs"
	Traces   = "traces"
	Metrics  = "metrics"
	Profiles = "profiles"
)

// Signals returns the names of all signals.
func Signals() []string { return []string{Profiles, Logs, Traces, Metrics} }

// CheckSignals returns an error for a name that is no signal.
func CheckSignals(names []string) error {
	for _, name := range names {
		if !slices.Contains(Signals(), name) {
			return fmt.Errorf("%q is not a signal: write %s", name, strings.Join(Signals(), ", "))
		}
	}
	return nil
}

const (
	hourLayout = "2006-01-02T15"
	// maxServiceKey is how much of the name of a service is part of a key, which S3
	// bounds to 1,024 bytes.
	maxServiceKey = 200
	noService     = "unknown_service"
)

// hourOf returns the hour of a time as it stands in keys.
func hourOf(at model.Nanos) string { return time.Unix(0, int64(at)).UTC().Format(hourLayout) }

// layout makes keys below a prefix.
type layout struct{ prefix string }

func newLayout(prefix string) layout {
	if prefix = strings.Trim(prefix, "/"); prefix != "" {
		prefix += "/"
	}
	return layout{prefix}
}

func (l layout) data(signal, service, hour, name string) string {
	return l.prefix + signal + "/" + serviceKey(service) + "/" + hour + "/" + name + ".otlp.zst"
}

func (l layout) indexes(signal string) string { return l.prefix + "index/" + signal + "/" }

func (l layout) index(signal, hour, name string) string {
	return l.indexes(signal) + hour + "/" + name + ".json.zst"
}

// hourOfIndex returns the hour in the key of an index.
func (l layout) hourOfIndex(signal, key string) string {
	hour, _, _ := strings.Cut(strings.TrimPrefix(key, l.indexes(signal)), "/")
	return hour
}

// serviceKey is the name of a service as one part of a key. Names of files that mean
// another folder are escaped, for some object stores keep objects as files.
func serviceKey(service string) string {
	if service == "" {
		return noService
	}
	key := url.PathEscape(service)
	if strings.Trim(key, ".") == "" {
		key = strings.ReplaceAll(key, ".", "%2E")
	}
	if len(key) > maxServiceKey {
		hash := fnv.New64a()
		_, _ = hash.Write([]byte(service)) // never fails
		key = fmt.Sprintf("%s~%016x", key[:maxServiceKey], hash.Sum64())
	}
	return key
}

// nameOf is the name of the objects that begin with a record of the store.
func nameOf(epoch, first uint64) string { return fmt.Sprintf("%016x-%016x", epoch, first) }
