// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"strconv"

	"go.uber.org/zap"
	"google.golang.org/grpc/metadata"

	"github.com/tapio/tapio/internal/model"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// The events of what becomes of the configuration meant for a collector, and their
// attributes.
const (
	configUpdated = "tapio.collector.config.updated"
	configRemoved = "tapio.collector.config.removed"

	collectorIDKey    = "tapio.collector.id"
	configVersionKey  = "tapio.collector.config.version"
	configEtagKey     = "tapio.collector.config.etag"
	userNameKey       = "user.name"
	clientAddressKey  = "client.address"
	userAgentKey      = "user_agent.original"
	auditSeverity     = 9
	auditSeverityText = "INFO"
)

// auditConfig tells who changed the configuration meant for a collector, from where
// and when: in the log, and as an event that takes the way of written events. It
// never holds the configuration, which may have secrets.
func (s *Server) auditConfig(ctx context.Context, name, id string, config *tapiov1.CollectorConfig) {
	by := callerOf(ctx)
	who := by.subject
	if who == "" {
		who = by.name
	}
	var attributes model.Attributes
	add := func(key, value string) {
		if value != "" {
			attributes = append(attributes, model.KeyValue{Key: key, Value: model.StringValue(value)})
		}
	}
	add(collectorIDKey, id)
	add(userNameKey, who)
	add(clientAddressKey, by.host)
	add(userAgentKey, userAgentOf(ctx))
	add(configEtagKey, config.GetEtag())
	if version := config.GetVersion(); version > 0 {
		attributes = append(attributes, model.KeyValue{Key: configVersionKey, Value: model.IntValue(int64(version))})
	}
	now := model.Nanos(s.Now().UnixNano())
	event := model.Event{
		Time: now, ObservedTime: now, Name: name, SeverityNumber: auditSeverity, SeverityText: auditSeverityText,
		Body: model.StringValue(auditText(name, id, who, by.host, config.GetVersion())), Attributes: attributes,
		Resource: &model.Resource{Attributes: model.Attributes{{Key: "service.name", Value: model.StringValue(s.Name)}}},
		Scope:    &model.Scope{Name: "github.com/tapio/tapio/extension/tapioextension", Version: s.Version},
	}
	s.Logger.Info("collector configuration changed", zap.String("event", name), zap.String("collector", id),
		zap.String("user", who), zap.String("client", by.host), zap.Uint64("version", config.GetVersion()))
	// The change is made, whether its caller waits or not.
	if _, err := s.passEvents(context.WithoutCancel(ctx), []model.Event{event}, nil); err != nil {
		s.Logger.Warn("failed to write audit event", zap.String("event", name), zap.String("collector", id), zap.Error(err))
	}
}

func auditText(name, id, who, host string, version uint64) string {
	if who == "" {
		who = "an unauthenticated client"
	}
	if name == configRemoved {
		return "collector " + strconv.Quote(id) + ": configuration removed by " + who + " from " + host
	}
	return "collector " + strconv.Quote(id) + ": configuration set to version " + strconv.FormatUint(version, 10) + " by " + who + " from " + host
}

// userAgentOf is what the client calls itself, over gRPC or HTTP.
func userAgentOf(ctx context.Context) string {
	md, _ := metadata.FromIncomingContext(ctx)
	for _, key := range []string{"grpcgateway-user-agent", "user-agent"} {
		if values := md.Get(key); len(values) > 0 {
			return values[0]
		}
	}
	return ""
}
