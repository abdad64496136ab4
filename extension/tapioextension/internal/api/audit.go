// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"
	"google.golang.org/grpc/metadata"

	"github.com/tapio/tapio/extension/tapioextension/internal/notify"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// The events of what becomes of the configuration meant for a collector, and their
// attributes.
const (
	configUpdated  = semconv.EventCollectorConfigUpdated
	configRemoved  = semconv.EventCollectorConfigRemoved
	silenceCreated = semconv.EventSilenceCreated
	silenceExpired = semconv.EventSilenceExpired
	symbolsStored  = semconv.EventProfileSymbolsUploaded

	silenceIDKey       = semconv.SilenceID
	silenceMatchersKey = semconv.SilenceMatchers
	silenceEndKey      = semconv.SilenceEnd
	silenceCommentKey  = semconv.SilenceComment

	collectorIDKey    = semconv.CollectorID
	configVersionKey  = semconv.CollectorConfigVersion
	configEtagKey     = semconv.CollectorConfigEtag
	userNameKey       = semconv.UserName
	clientAddressKey  = semconv.ClientAddress
	userAgentKey      = semconv.UserAgentOriginal
	auditSeverity     = 9
	auditSeverityText = "INFO"
)

// auditConfig logs who changed the configuration meant for a collector, from where
// and when: in the log, and as an event that takes the way of written events. It
// never holds the configuration, which may have secrets.
func (s *Server) auditConfig(ctx context.Context, name, id string, config *tapiov1.CollectorConfig) {
	by := callerOf(ctx)
	attributes := auditAttributes(ctx, [][2]string{{collectorIDKey, id}, {configEtagKey, config.GetEtag()}})
	if version := config.GetVersion(); version > 0 {
		attributes = append(attributes, model.KeyValue{Key: configVersionKey, Value: model.IntValue(int64(version))})
	}
	s.Logger.Info("collector configuration changed", zap.String("event", name), zap.String("collector", id),
		zap.String("user", by.who()), zap.String("client", by.host), zap.Uint64("version", config.GetVersion()))
	s.audit(ctx, name, auditText(name, id, by.who(), by.host, config.GetVersion()), attributes)
}

// auditSymbols reports who stored the functions of a binary.
func (s *Server) auditSymbols(ctx context.Context, table *model.SymbolTableInfo, evicted []string) {
	by := callerOf(ctx)
	s.Logger.Info("symbols stored", zap.String("build_id", table.BuildID), zap.String("file", table.File), zap.Int("functions", table.Functions),
		zap.Strings("evicted", evicted), zap.String("user", by.who()), zap.String("client", by.host))
	text := fmt.Sprintf("%d functions of %q, build ID %s, stored by %s from %s", table.Functions, table.File, table.BuildID, by.known(), by.host)
	s.audit(ctx, symbolsStored, text, auditAttributes(ctx, [][2]string{
		{semconv.ProcessExecutableBuildIDGnu, table.BuildID}, {semconv.ProcessExecutableName, table.File},
	}))
}

// auditSilence reports who created or ended a silence.
func (s *Server) auditSilence(ctx context.Context, name string, silence *notify.Silence) {
	by := callerOf(ctx)
	var matchers []string
	for _, m := range silence.Matchers {
		matchers = append(matchers, m.String())
	}
	all := strings.Join(matchers, ",")
	verb := "created"
	if name == silenceExpired {
		verb = "expired"
	}
	s.Logger.Info("silence "+verb, zap.String("silence", silence.ID), zap.String("matchers", all), zap.Time("end", silence.EndsAt),
		zap.String("user", by.who()), zap.String("client", by.host))
	end := silence.EndsAt.UTC().Format(time.RFC3339)
	text := fmt.Sprintf("silence %s {%s} until %s %s by %s from %s", silence.ID, all, end, verb, by.known(), by.host)
	s.audit(ctx, name, text, auditAttributes(ctx, [][2]string{
		{silenceIDKey, silence.ID}, {silenceMatchersKey, all}, {silenceEndKey, end}, {silenceCommentKey, silence.Comment},
	}))
}

// who is the caller as far as it is known, "" otherwise.
func (c caller) who() string { return cmp.Or(c.subject, c.name) }

func (c caller) known() string { return cmp.Or(c.who(), "an unauthenticated client") }

// auditAttributes are those given, as far as they are not empty, and those of the caller.
func auditAttributes(ctx context.Context, given [][2]string) (attributes model.Attributes) {
	by := callerOf(ctx)
	for _, one := range append(given, [][2]string{
		{userNameKey, by.who()}, {clientAddressKey, by.host}, {userAgentKey, userAgentOf(ctx)},
	}...) {
		if one[1] != "" {
			attributes = append(attributes, model.KeyValue{Key: one[0], Value: model.StringValue(one[1])})
		}
	}
	return attributes
}

// audit writes an event of what was changed.
func (s *Server) audit(ctx context.Context, name, text string, attributes model.Attributes) {
	now := model.Nanos(s.Now().UnixNano())
	event := model.Event{
		Time: now, ObservedTime: now, Name: name, SeverityNumber: auditSeverity, SeverityText: auditSeverityText,
		Body: model.StringValue(text), Attributes: attributes,
		Resource: &model.Resource{Attributes: model.Attributes{{Key: semconv.ServiceName, Value: model.StringValue(s.Name)}}},
		Scope:    &model.Scope{Name: "github.com/tapio/tapio/extension/tapioextension", Version: s.Version},
	}
	// The change is made, whether its caller waits or not.
	if err := s.WriteOwn(context.WithoutCancel(ctx), []model.Event{event}); err != nil {
		s.Logger.Warn("failed to write audit event", zap.String("event", name), zap.Error(err))
	}
}

// WriteOwn passes events of the extension itself into the pipeline, by way of the tapio
// receiver. An error means that some were not accepted.
func (s *Server) WriteOwn(ctx context.Context, events []model.Event) error {
	done, err := s.passEvents(ctx, events, nil)
	if err != nil {
		return err
	}
	if refused := done.records - done.accepted; refused > 0 {
		return fmt.Errorf("the pipeline refused %d of %d events", refused, done.records)
	}
	return nil
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
