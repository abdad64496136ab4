// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package opamp

import (
	"bytes"
	"context"
	"encoding/hex"
	"maps"
	"slices"
	"strings"

	"github.com/open-telemetry/opamp-go/protobufs"
	"go.uber.org/zap"

	"github.com/tapio/tapio/extension/tapioextension/internal/fleet"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

const uidBytes = 16

// idOf is the text of an instance UID, in the form of UUIDs.
func idOf(uid []byte) (string, error) {
	if len(uid) != uidBytes {
		return "", model.InvalidField("instance_uid", "must have %d bytes, has %d", uidBytes, len(uid))
	}
	text := hex.EncodeToString(uid)
	return strings.Join([]string{text[:8], text[8:12], text[12:16], text[16:20], text[20:]}, "-"), nil
}

func uidOf(id string) ([]byte, error) { return hex.DecodeString(strings.ReplaceAll(id, "-", "")) }

// The bounds below are the registry's: what is longer is cut, for an agent
// cannot be asked to describe itself more shortly.
const (
	maxAttributes = 100
	maxKeyBytes   = 256
	maxValueBytes = 4096
	maxNameBytes  = 256
)

func collectorOf(id string, m *protobufs.AgentToServer) *tapiov1.Collector {
	attributes := map[string]string{}
	description := m.GetAgentDescription()
	for _, kv := range slices.Concat(description.GetIdentifyingAttributes(), description.GetNonIdentifyingAttributes()) {
		if key := kv.GetKey(); key != "" && len(key) <= maxKeyBytes && len(attributes) < maxAttributes {
			attributes[key] = fleet.Shorten(kv.GetValue().GetStringValue(), maxValueBytes)
		}
	}
	node := attributes[semconv.K8sNodeName]
	if node == "" {
		node = attributes[semconv.HostName]
	}
	return &tapiov1.Collector{
		CollectorId:   id,
		CollectorType: fleet.Shorten(attributes[semconv.ServiceName], maxNameBytes),
		Version:       fleet.Shorten(attributes[semconv.ServiceVersion], maxNameBytes),
		Node:          fleet.Shorten(node, maxNameBytes),
		Attributes:    attributes,
		Capabilities:  capabilityNames(m.GetCapabilities()),
		Status:        statusOf(m.GetHealth()),
	}
}

func capabilityNames(bits uint64) []string {
	var names []string
	for _, value := range slices.Sorted(maps.Keys(protobufs.AgentCapabilities_name)) {
		if value != 0 && bits&uint64(value) != 0 {
			names = append(names, strings.TrimPrefix(protobufs.AgentCapabilities_name[value], "AgentCapabilities_"))
		}
	}
	return names
}

// statusOf returns nil where nothing is said.
func statusOf(health *protobufs.ComponentHealth) *tapiov1.CollectorStatus {
	if health == nil {
		return nil
	}
	if health.GetHealthy() {
		return &tapiov1.CollectorStatus{State: tapiov1.Collector_STATE_HEALTHY}
	}
	message := health.GetLastError()
	if message == "" {
		message = health.GetStatus()
	}
	return &tapiov1.CollectorStatus{State: tapiov1.Collector_STATE_DEGRADED, Message: fleet.Shorten(message, maxValueBytes)}
}

// answerOf is what the agent says of its configuration; nil for nothing.
func answerOf(m *protobufs.AgentToServer, config *tapiov1.CollectorConfig) *tapiov1.ConfigStatus {
	answer := &tapiov1.ConfigStatus{EffectiveContent: fleet.Shorten(effective(m.GetEffectiveConfig()), fleet.MaxContentBytes)}
	if has(m, config) {
		answer.Version = config.GetVersion()
		answer.Message = fleet.Shorten(m.GetRemoteConfigStatus().GetErrorMessage(), maxValueBytes)
		switch m.GetRemoteConfigStatus().GetStatus() {
		case protobufs.RemoteConfigStatuses_RemoteConfigStatuses_APPLIED:
			answer.Result = tapiov1.ConfigStatus_RESULT_APPLIED
		case protobufs.RemoteConfigStatuses_RemoteConfigStatuses_FAILED:
			answer.Result = tapiov1.ConfigStatus_RESULT_FAILED
		case protobufs.RemoteConfigStatuses_RemoteConfigStatuses_UNSET,
			protobufs.RemoteConfigStatuses_RemoteConfigStatuses_APPLYING: // no result yet
		}
	}
	if answer.GetEffectiveContent() == "" && answer.GetResult() == tapiov1.ConfigStatus_RESULT_UNSPECIFIED {
		return nil
	}
	return answer
}

// has reports whether the agent says that it got the configuration.
func has(m *protobufs.AgentToServer, config *tapiov1.CollectorConfig) bool {
	return config != nil && bytes.Equal(m.GetRemoteConfigStatus().GetLastRemoteConfigHash(), []byte(config.GetEtag()))
}

// effective joins the files of a configuration, of which there mostly is one.
func effective(config *protobufs.EffectiveConfig) string {
	files := config.GetConfigMap().GetConfigMap()
	if len(files) == 1 {
		for _, file := range files {
			return string(file.GetBody())
		}
	}
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(files)) {
		text.WriteString("# " + name + "\n" + string(files[name].GetBody()) + "\n")
	}
	return text.String()
}

// remoteConfig offers a configuration; its hash is the etag. nil of none.
func remoteConfig(config *tapiov1.CollectorConfig) *protobufs.AgentRemoteConfig {
	if config == nil {
		return nil
	}
	return &protobufs.AgentRemoteConfig{
		ConfigHash: []byte(config.GetEtag()),
		Config: &protobufs.AgentConfigMap{ConfigMap: map[string]*protobufs.AgentConfigFile{
			"": {Body: []byte(config.GetContent()), ContentType: config.GetContentType()},
		}},
	}
}

// quietLogger keeps the messages of opamp-go, which are faults of clients, for those
// who look for them.
type quietLogger struct{ log *zap.SugaredLogger }

func (l quietLogger) Debugf(_ context.Context, format string, args ...any) {
	l.log.Debugf(format, args...)
}

func (l quietLogger) Errorf(_ context.Context, format string, args ...any) {
	l.log.Debugf(format, args...)
}
