// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/tapio/tapio/extension/tapioextension/internal/auth"
	"github.com/tapio/tapio/extension/tapioextension/internal/cost"
	"github.com/tapio/tapio/extension/tapioextension/internal/ingest"
	"github.com/tapio/tapio/extension/tapioextension/internal/notify"
	"github.com/tapio/tapio/extension/tapioextension/internal/slo"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/query"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// operationsService is for those who run services.
type operationsService struct {
	tapiov1.UnimplementedOperationsServiceServer
	store    query.Reader
	notifier *notify.Manager
	slos     *slo.Tracker
	prices   cost.Prices
	archive  *ArchiveAccess // nil: none is configured
	events   *ingest.Events
	audit    *auditor
	now      func() time.Time
}

// CreateSilence implements tapiov1.OperationsServiceServer.
func (s *operationsService) CreateSilence(
	ctx context.Context, req *tapiov1.CreateSilenceRequest,
) (*tapiov1.CreateSilenceResponse, error) {
	silence := notify.Silence{Comment: req.GetComment(), CreatedBy: req.GetCreatedBy()}
	for i, m := range req.GetMatchers() {
		matcher, err := notify.NewMatcher(m.GetName(), operatorOf(m.GetOperator()), m.GetValue())
		if err != nil {
			return nil, model.InvalidField(fmt.Sprintf("matchers[%d]", i), "%v", err)
		}
		silence.Matchers = append(silence.Matchers, matcher)
	}
	var err error
	if silence.StartsAt, err = timeField("start_time", req.GetStartTime()); err != nil {
		return nil, err
	}
	if req.GetEndTime() == nil {
		return nil, model.InvalidField("end_time", "must be set: when the silence ends")
	}
	if silence.EndsAt, err = timeField("end_time", req.GetEndTime()); err != nil {
		return nil, err
	}
	if silence.CreatedBy == "" {
		silence.CreatedBy = auth.CallerOf(ctx).String()
	}
	created, err := s.notifier.CreateSilence(silence)
	if err != nil {
		return nil, err
	}
	s.audit.silence(ctx, silenceCreated, &created)
	return &tapiov1.CreateSilenceResponse{Silence: s.silence(&created)}, nil
}

// ListSilences implements tapiov1.OperationsServiceServer.
func (s *operationsService) ListSilences(
	_ context.Context, req *tapiov1.ListSilencesRequest,
) (*tapiov1.ListSilencesResponse, error) {
	resp := &tapiov1.ListSilencesResponse{}
	for _, one := range s.notifier.Silences() {
		if message := s.silence(&one); !req.GetActiveOnly() || message.GetState() != tapiov1.Silence_STATE_EXPIRED {
			resp.Silences = append(resp.Silences, message)
		}
	}
	return resp, nil
}

// ExpireSilence implements tapiov1.OperationsServiceServer.
func (s *operationsService) ExpireSilence(
	ctx context.Context, req *tapiov1.ExpireSilenceRequest,
) (*tapiov1.ExpireSilenceResponse, error) {
	if req.GetId() == "" {
		return nil, model.InvalidField("id", "must be set: Silence.id")
	}
	expired, err := s.notifier.ExpireSilence(req.GetId())
	if missing, ok := errors.AsType[*notify.ErrNoSilence](err); ok {
		return nil, status.Error(codes.NotFound, missing.Error())
	}
	if err != nil {
		return nil, err
	}
	s.audit.silence(ctx, silenceExpired, &expired)
	return &tapiov1.ExpireSilenceResponse{Silence: s.silence(&expired)}, nil
}

func (s *operationsService) silence(one *notify.Silence) *tapiov1.Silence {
	message := &tapiov1.Silence{
		Id: one.ID, StartTime: timestamppb.New(one.StartsAt), EndTime: timestamppb.New(one.EndsAt), Comment: one.Comment,
		CreatedBy: one.CreatedBy, CreateTime: timestamppb.New(one.CreatedAt), State: tapiov1.Silence_STATE_EXPIRED,
	}
	switch now := s.now(); {
	case one.Active(now):
		message.State = tapiov1.Silence_STATE_ACTIVE
	case now.Before(one.StartsAt):
		message.State = tapiov1.Silence_STATE_PENDING
	}
	for _, m := range one.Matchers {
		message.Matchers = append(message.Matchers, &tapiov1.AlertMatcher{Name: m.Name, Operator: operatorMessage(m.Operator), Value: m.Value})
	}
	return message
}

func operatorOf(o tapiov1.AlertMatcher_Operator) notify.Operator {
	switch o {
	case tapiov1.AlertMatcher_OPERATOR_NOT_EQUAL:
		return notify.NotEqual
	case tapiov1.AlertMatcher_OPERATOR_MATCHES:
		return notify.Matches
	case tapiov1.AlertMatcher_OPERATOR_NOT_MATCHING:
		return notify.NotMatching
	case tapiov1.AlertMatcher_OPERATOR_UNSPECIFIED, tapiov1.AlertMatcher_OPERATOR_EQUAL:
		return notify.Equal
	default:
		return notify.Operator(o.String())
	}
}

func operatorMessage(o notify.Operator) tapiov1.AlertMatcher_Operator {
	switch o {
	case notify.NotEqual:
		return tapiov1.AlertMatcher_OPERATOR_NOT_EQUAL
	case notify.Matches:
		return tapiov1.AlertMatcher_OPERATOR_MATCHES
	case notify.NotMatching:
		return tapiov1.AlertMatcher_OPERATOR_NOT_MATCHING
	case notify.Equal:
		return tapiov1.AlertMatcher_OPERATOR_EQUAL
	default:
		return tapiov1.AlertMatcher_OPERATOR_UNSPECIFIED
	}
}

// timeField reads a time that may be unset.
func timeField(name string, t *timestamppb.Timestamp) (time.Time, error) {
	if t == nil {
		return time.Time{}, nil
	}
	if err := t.CheckValid(); err != nil {
		return time.Time{}, model.InvalidField(name, "is no time: %v", err)
	}
	return t.AsTime(), nil
}

// ListReceivers implements tapiov1.OperationsServiceServer.
func (s *operationsService) ListReceivers(
	context.Context, *tapiov1.ListReceiversRequest,
) (*tapiov1.ListReceiversResponse, error) {
	resp := &tapiov1.ListReceiversResponse{}
	for _, r := range s.notifier.Receivers() {
		resp.Receivers = append(resp.Receivers, &tapiov1.NotificationReceiver{
			Name: r.Name, Kind: r.Kind, SentCount: r.Sent, FailedCount: r.Failed, QueuedCount: uint64(r.Queued),
			QueuedBytes: uint64(r.QueuedBytes), DeadLetterCounts: r.DeadByReason, LastError: r.LastError,
		})
	}
	return resp, nil
}

// ListSLOs implements tapiov1.OperationsServiceServer.
func (s *operationsService) ListSLOs(_ context.Context, req *tapiov1.ListSLOsRequest) (*tapiov1.ListSLOsResponse, error) {
	resp := &tapiov1.ListSLOsResponse{}
	for _, one := range s.slos.Statuses() {
		message, firing := sloMessage(&one)
		if (len(req.GetServices()) == 0 || slices.Contains(req.GetServices(), message.GetService())) &&
			(firing || !req.GetFiringOnly()) && (!message.GetAutomatic() || !req.GetConfiguredOnly()) {
			resp.Slos = append(resp.Slos, message)
		}
	}
	return resp, nil
}

func sloMessage(s *slo.Status) (message *tapiov1.SLO, firing bool) {
	o := &s.Objective
	message = &tapiov1.SLO{
		Name: o.Name, Service: o.Service, Namespace: o.Namespace, Operation: o.Operation, Type: tapiov1.SLO_TYPE_AVAILABILITY,
		Target: o.Target, Window: durationpb.New(o.Window), Automatic: o.Automatic, RequestCount: s.Requests, BadCount: s.Bad,
		ErrorRatio: s.ErrorRatio, BudgetRemaining: s.BudgetRemaining, Since: timestamp(s.Since),
	}
	if o.Type == slo.Latency {
		message.Type, message.Threshold = tapiov1.SLO_TYPE_LATENCY, durationpb.New(o.Threshold)
	}
	for _, b := range s.Burn {
		firing = firing || b.FiringSince > 0
		message.BurnRates = append(message.BurnRates, &tapiov1.SLO_BurnRate{
			Alert: b.Alert.Name, LongWindow: durationpb.New(b.Alert.Long), LongRate: b.LongRate,
			ShortWindow: durationpb.New(b.Alert.Short), ShortRate: b.ShortRate, Factor: b.Alert.Factor, Page: b.Alert.Page,
			Firing: b.FiringSince > 0, FiringSince: timestamp(b.FiringSince),
		})
	}
	return message, firing
}
