// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/tapio/tapio/extension/tapioextension/internal/auth"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// changeEvent is the name of the record of a change; docs/reference/names.md lists its
// attributes.
const changeEvent = semconv.EventChange

const (
	changeTypeKey     = semconv.ChangeType
	changeNewKey      = semconv.ChangeTo
	changeOldKey      = semconv.ChangeFrom
	changeNameKey     = semconv.ChangeName
	changeStatusKey   = semconv.ChangeStatus
	deploymentNameKey = semconv.DeploymentName
	deploymentStatus  = semconv.DeploymentStatus
	flagKeyKey        = semconv.FeatureFlagKey
	flagVariantKey    = semconv.FeatureFlagResultVariant
	urlKey            = semconv.URLFull

	maxChangeText       = 4 << 10
	maxChangeAttributes = 64
	maxChangeAhead      = time.Hour
)

// SendChange implements tapiov1.OperationsServiceServer.
func (s *operationsService) SendChange(
	ctx context.Context, req *tapiov1.SendChangeRequest,
) (*tapiov1.SendChangeResponse, error) {
	c := req.GetChange()
	at, err := checkChange(c, s.now())
	if err != nil {
		return nil, err
	}
	id := strings.ToLower(rand.Text())
	event := changeRecord(c, at, id, cmp.Or(c.GetAuthor(), auth.CallerOf(ctx).Who()))
	event.ObservedTime = model.Nanos(s.now().UnixNano())
	if err := s.events.WriteOwn(ctx, []model.Event{event}); err != nil {
		return nil, err
	}
	return &tapiov1.SendChangeResponse{EventId: id}, nil
}

// checkChange returns the time of a change, or the field that is wrong.
func checkChange(c *tapiov1.Change, now time.Time) (time.Time, error) {
	if changeType(c.GetType()) == "" {
		return now, model.InvalidField("change.type", "must be TYPE_DEPLOYMENT, TYPE_CONFIGURATION, TYPE_FEATURE_FLAG, TYPE_SCALE or TYPE_INFRASTRUCTURE")
	}
	at, err := timeField("change.time", c.GetTime())
	switch {
	case err != nil:
		return now, err
	case at.IsZero():
		at = now
	case at.After(now.Add(maxChangeAhead)):
		return now, model.InvalidField("change.time", "must be at most %s in the future, is %s", maxChangeAhead, at.Format(time.RFC3339))
	}
	flag := c.GetType() == tapiov1.Change_TYPE_FEATURE_FLAG
	if c.GetService() == "" && !flag && c.GetType() != tapiov1.Change_TYPE_INFRASTRUCTURE {
		return now, model.InvalidField("change.service", "must be set: the service.name that was changed")
	}
	if flag && c.GetName() == "" {
		return now, model.InvalidField("change.name", "must be set: the key of the feature flag")
	}
	if status := c.GetStatus(); !slices.Contains([]string{"", "started", "succeeded", "failed"}, status) {
		return now, model.InvalidField("change.status", "must be started, succeeded or failed, is %q", status)
	}
	return at, checkChangeTexts(c)
}

func checkChangeTexts(c *tapiov1.Change) error {
	for name, text := range map[string]string{
		"service": c.GetService(), "namespace": c.GetNamespace(), "environment": c.GetEnvironment(), "new_value": c.GetNewValue(),
		"old_value": c.GetOldValue(), "name": c.GetName(), "author": c.GetAuthor(), "url": c.GetUrl(), "description": c.GetDescription(),
	} {
		if len(text) > maxChangeText {
			return model.InvalidField("change."+name, "must have at most %d bytes, has %d", maxChangeText, len(text))
		}
	}
	if text := c.GetUrl(); text != "" {
		if parsed, err := url.Parse(text); err != nil || parsed.Scheme != "http" && parsed.Scheme != "https" {
			return model.InvalidField("change.url", "must be a URL with http or https, is %q", text)
		}
	}
	if n := len(c.GetAttributes()); n > maxChangeAttributes {
		return model.InvalidField("change.attributes", "must be at most %d, are %d", maxChangeAttributes, n)
	}
	for key := range c.GetAttributes() {
		if key == "" || strings.HasPrefix(key, "tapio.") {
			return model.InvalidField("change.attributes", "%q must be another name: it is empty, or has the prefix tapio., which is reserved", key)
		}
	}
	return nil
}

// changeType is the name of a type in records, "" for one that is not known.
func changeType(t tapiov1.Change_Type) string {
	return map[tapiov1.Change_Type]string{
		tapiov1.Change_TYPE_DEPLOYMENT: "deployment", tapiov1.Change_TYPE_CONFIGURATION: "configuration",
		tapiov1.Change_TYPE_FEATURE_FLAG: "feature_flag", tapiov1.Change_TYPE_SCALE: "scale",
		tapiov1.Change_TYPE_INFRASTRUCTURE: "infrastructure",
	}[t]
}

// changeRecord makes the record of a change. What was changed is its resource, so that
// the record is found with those of the service.
func changeRecord(c *tapiov1.Change, at time.Time, id, author string) model.Event {
	var resource, attributes model.Attributes
	put := func(to *model.Attributes, key, value string) {
		if value != "" {
			*to = append(*to, model.KeyValue{Key: key, Value: model.StringValue(value)})
		}
	}
	put(&resource, semconv.ServiceName, c.GetService())
	put(&resource, semconv.K8sNamespaceName, c.GetNamespace())
	put(&resource, semconv.DeploymentEnvironmentName, c.GetEnvironment())
	put(&attributes, model.UIDKey, id)
	put(&attributes, changeTypeKey, changeType(c.GetType()))
	put(&attributes, changeNameKey, c.GetName())
	put(&attributes, changeOldKey, c.GetOldValue())
	put(&attributes, changeNewKey, c.GetNewValue())
	status := cmp.Or(c.GetStatus(), "succeeded")
	put(&attributes, changeStatusKey, status)
	switch c.GetType() { //nolint:exhaustive // the others have no conventions
	case tapiov1.Change_TYPE_DEPLOYMENT:
		put(&resource, semconv.ServiceVersion, c.GetNewValue())
		put(&attributes, deploymentNameKey, c.GetName())
		if status != "started" {
			put(&attributes, deploymentStatus, status)
		}
	case tapiov1.Change_TYPE_FEATURE_FLAG:
		put(&attributes, flagKeyKey, c.GetName())
		put(&attributes, flagVariantKey, c.GetNewValue())
	}
	put(&attributes, userNameKey, author)
	put(&attributes, urlKey, c.GetUrl())
	for _, key := range slices.Sorted(maps.Keys(c.GetAttributes())) {
		if _, known := attributes.Get(key); !known {
			put(&attributes, key, c.GetAttributes()[key])
		}
	}
	event := model.Event{
		Time: model.Nanos(at.UnixNano()), Name: changeEvent, SeverityNumber: auditSeverity, SeverityText: auditSeverityText,
		Body: model.StringValue(changeText(c, status)), Attributes: attributes, Resource: &model.Resource{Attributes: resource},
		Scope: &model.Scope{Name: "github.com/tapio/tapio/extension/tapioextension"},
	}
	return event
}

// changeText is one line on a change.
func changeText(c *tapiov1.Change, status string) string {
	if c.GetDescription() != "" {
		return c.GetDescription()
	}
	text := strings.ReplaceAll(changeType(c.GetType()), "_", " ")
	if of := c.GetService(); of != "" {
		text += " of " + of
	}
	if name := c.GetName(); name != "" {
		text += fmt.Sprintf(" (%s)", name)
	}
	switch from, to := c.GetOldValue(), c.GetNewValue(); {
	case from != "" && to != "":
		text += ": " + from + " -> " + to
	case to != "":
		text += ": " + to
	}
	if status != "succeeded" {
		text += ", " + status
	}
	return text
}
