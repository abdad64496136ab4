// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"mime"
	"strconv"

	"go.yaml.in/yaml/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/tapio/tapio/internal/model"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// YAML is the media type of a configuration that does not name its own.
const YAML = "text/yaml"

// Configure sets the configuration meant for a collector, or with validate_only
// returns what it would become. Watchers of the collector are notified.
func (r *Registry) Configure(req *tapiov1.UpdateConfigRequest) (*tapiov1.CollectorConfig, error) {
	everyone := r.As("", true)
	return r.configure(req, &everyone)
}

func (r *Registry) configure(req *tapiov1.UpdateConfigRequest, by *Caller) (*tapiov1.CollectorConfig, error) {
	contentType, err := checkContent(req.GetContent(), req.GetContentType())
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	m, err := by.find(req.GetCollectorId(), true)
	if err != nil {
		return nil, err
	}
	if etag := req.GetEtag(); etag != "" && etag != m.config.GetEtag() {
		return nil, status.Errorf(codes.Aborted, "etag: %q is stale, version %d has %q: get the configuration again and "+
			"apply the change to that one", etag, m.config.GetVersion(), m.config.GetEtag())
	}
	next := &tapiov1.CollectorConfig{
		Version:     m.config.GetVersion() + 1,
		Etag:        etagOf(m.config.GetVersion()+1, req.GetContent()),
		Content:     req.GetContent(),
		ContentType: contentType,
		UpdatedAt:   timestamppb.New(r.now()),
	}
	if req.GetValidateOnly() {
		return next, nil
	}
	if grown := proto.Size(next) - proto.Size(m.config); r.bytes+grown > r.limits.Bytes {
		return nil, status.Errorf(codes.ResourceExhausted, "content: the registry holds %d bytes and has no memory for %d more: "+
			"raise collectors::memory_limit of the tapio extension", r.bytes, grown)
	}
	r.bytes -= m.size()
	m.config = next
	r.bytes += m.size()
	m.notify()
	return next, nil
}

// checkContent returns the media type; of YAML and JSON it checks the syntax.
func checkContent(content, contentType string) (string, error) {
	if content == "" {
		return "", model.InvalidField("content", "is required")
	}
	if err := atMost("content", content, MaxContentBytes); err != nil {
		return "", err
	}
	if contentType == "" {
		contentType = YAML
	}
	media, _, err := mime.ParseMediaType(contentType)
	if err != nil || len(contentType) > maxNameBytes {
		return "", model.InvalidField("content_type", "%q is no media type: write for example %s", Shorten(contentType, maxNameBytes), YAML)
	}
	var fields map[string]any
	switch media {
	case YAML, "application/yaml", "application/x-yaml":
		err = yaml.Unmarshal([]byte(content), &fields)
	case "application/json":
		err = json.Unmarshal([]byte(content), &fields)
	default: // no syntax that is known here
		return contentType, nil
	}
	if err != nil {
		return "", model.InvalidField("content", "is not %s with keys at its root: %v", media, err)
	}
	return contentType, nil
}

func etagOf(version uint64, content string) string {
	sum := sha256.Sum256([]byte(strconv.FormatUint(version, 10) + "\n" + content))
	return hex.EncodeToString(sum[:8])
}

// Config returns the configuration meant for a collector, nil for none, and its
// latest answer with the effective configuration, nil for none.
func (r *Registry) Config(id string) (*tapiov1.CollectorConfig, *tapiov1.ConfigStatus, error) {
	return r.As("", true).Config(id)
}

func (m *member) configAndAnswer() (*tapiov1.CollectorConfig, *tapiov1.ConfigStatus) {
	if m.answer == nil && m.effective == "" {
		return m.config, nil
	}
	answer := &tapiov1.ConfigStatus{EffectiveContent: m.effective}
	proto.Merge(answer, m.answer)
	return m.config, answer
}

// Watch returns a channel that says when a collector's configuration changes,
// and that is closed when its registration ends. stop must be called.
func (r *Registry) Watch(id string) (changed <-chan struct{}, stop func(), err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m, err := r.find(id)
	if err != nil {
		return nil, nil, err
	}
	w := make(chan struct{}, 1)
	m.watchers[w] = struct{}{}
	return w, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(m.watchers, w)
	}, nil
}

// notify wakes every watcher; one that has not looked since the last time need
// not be woken twice.
func (m *member) notify() {
	for w := range m.watchers {
		select {
		case w <- struct{}{}:
		default:
		}
	}
}
