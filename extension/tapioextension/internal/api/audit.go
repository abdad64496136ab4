// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"
	"google.golang.org/grpc/metadata"

	"github.com/tapio/tapio/extension/tapioextension/internal/auth"
	"github.com/tapio/tapio/extension/tapioextension/internal/ingest"
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

// auditor reports who changed what: in the log, and as an event that takes the way of
// written events.
type auditor struct {
	events        *ingest.Events
	logger        *zap.Logger
	name, version string // of the server
	now           func() time.Time
}

// config reports who changed the configuration meant for a collector, from where
// and when: in the log, and as an event that takes the way of written events. It
// never holds the configuration, which may have secrets.
func (a *auditor) config(ctx context.Context, name, id string, config *tapiov1.CollectorConfig) {
	by := auth.CallerOf(ctx)
	attributes := auditAttributes(ctx, [][2]string{{collectorIDKey, id}, {configEtagKey, config.GetEtag()}})
	if version := config.GetVersion(); version > 0 {
		attributes = append(attributes, model.KeyValue{Key: configVersionKey, Value: model.IntValue(int64(version))})
	}
	a.logger.Info("collector configuration changed", zap.String("event", name), zap.String("collector", id),
		zap.String("user", by.Who()), zap.String("client", by.Host), zap.Uint64("version", config.GetVersion()))
	a.write(ctx, name, auditText(name, id, by.Who(), by.Host, config.GetVersion()), attributes)
}

// symbols reports who stored the functions of a binary.
func (a *auditor) symbols(ctx context.Context, table *model.SymbolTableInfo, evicted []string) {
	by := auth.CallerOf(ctx)
	a.logger.Info("symbols stored", zap.String("build_id", table.BuildID), zap.String("file", table.File), zap.Int("functions", table.Functions),
		zap.Strings("evicted", evicted), zap.String("user", by.Who()), zap.String("client", by.Host))
	text := fmt.Sprintf("%d functions of %q, build ID %s, stored by %s from %s", table.Functions, table.File, table.BuildID, by.Known(), by.Host)
	a.write(ctx, symbolsStored, text, auditAttributes(ctx, [][2]string{
		{semconv.ProcessExecutableBuildIDGnu, table.BuildID}, {semconv.ProcessExecutableName, table.File},
	}))
}

// silence reports who created or ended a silence.
func (a *auditor) silence(ctx context.Context, name string, silence *notify.Silence) {
	by := auth.CallerOf(ctx)
	var matchers []string
	for _, m := range silence.Matchers {
		matchers = append(matchers, m.String())
	}
	all := strings.Join(matchers, ",")
	verb := "created"
	if name == silenceExpired {
		verb = "expired"
	}
	a.logger.Info("silence "+verb, zap.String("silence", silence.ID), zap.String("matchers", all), zap.Time("end", silence.EndsAt),
		zap.String("user", by.Who()), zap.String("client", by.Host))
	end := silence.EndsAt.UTC().Format(time.RFC3339)
	text := fmt.Sprintf("silence %s {%s} until %s %s by %s from %s", silence.ID, all, end, verb, by.Known(), by.Host)
	a.write(ctx, name, text, auditAttributes(ctx, [][2]string{
		{silenceIDKey, silence.ID}, {silenceMatchersKey, all}, {silenceEndKey, end}, {silenceCommentKey, silence.Comment},
	}))
}

// auditAttributes are those given, as far as they are not empty, and those of the caller.
func auditAttributes(ctx context.Context, given [][2]string) (attributes model.Attributes) {
	by := auth.CallerOf(ctx)
	for _, one := range append(given, [][2]string{
		{userNameKey, by.Who()}, {clientAddressKey, by.Host}, {userAgentKey, userAgentOf(ctx)},
	}...) {
		if one[1] != "" {
			attributes = append(attributes, model.KeyValue{Key: one[0], Value: model.StringValue(one[1])})
		}
	}
	return attributes
}

// write writes an event of what was changed.
func (a *auditor) write(ctx context.Context, name, text string, attributes model.Attributes) {
	now := model.Nanos(a.now().UnixNano())
	event := model.Event{
		Time: now, ObservedTime: now, Name: name, SeverityNumber: auditSeverity, SeverityText: auditSeverityText,
		Body: model.StringValue(text), Attributes: attributes,
		Resource: &model.Resource{Attributes: model.Attributes{{Key: semconv.ServiceName, Value: model.StringValue(a.name)}}},
		Scope:    &model.Scope{Name: "github.com/tapio/tapio/extension/tapioextension", Version: a.version},
	}
	// The change is made, whether its caller waits or not.
	if err := a.events.WriteOwn(context.WithoutCancel(ctx), []model.Event{event}); err != nil {
		a.logger.Warn("failed to write audit event", zap.String("event", name), zap.Error(err))
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
