// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package fleet keeps the registrations of collectors: who they are, how they
// are, the configuration meant for them and what the server counted of them. It
// keeps the contract's own messages, which are never changed once they are here.
package fleet

import (
	"maps"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/tapio/tapio/internal/model"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// Limits bound a registry. All are above 0.
type Limits struct {
	// Collectors is the most registrations. One more takes the place of the one
	// that has been lost for longest; where none is lost, it is refused.
	Collectors int
	// Bytes bounds the registrations, configurations and reports together.
	Bytes int
	// Interval is the time between the beats of a collector that speaks gRPC.
	Interval time.Duration
	// DegradedAfter and LostAfter are how many beats must be missed for that.
	DegradedAfter, LostAfter int
}

// Registry is a bounded set of collectors, safe for concurrent use. A state that
// follows from missed beats is worked out when it is asked for, so a registry
// needs no goroutine.
type Registry struct {
	now func() time.Time

	mu      sync.Mutex
	limits  Limits
	members map[string]*member
	bytes   int
	born    uint64            // members ever registered
	left    map[string]uint64 // ended registrations, by reason
}

// member is one registration; the registry's lock guards it.
type member struct {
	born      uint64
	owner     string // subject, "" for none
	session   Session
	collector *tapiov1.Collector // state, last_seen_at and config_status as last said
	interval  time.Duration
	config    *tapiov1.CollectorConfig // nil: none
	answer    *tapiov1.ConfigStatus    // nil: none
	effective string
	figures   *Figures
	watchers  map[chan struct{}]struct{}
}

// New makes an empty registry.
func New(limits Limits, now func() time.Time) *Registry {
	return &Registry{now: now, limits: limits, members: map[string]*member{}, left: map[string]uint64{}}
}

// SetLimits puts other limits in force. Members above them stay until they
// leave or are lost.
func (r *Registry) SetLimits(limits Limits) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.limits = limits
}

// Interval is the time between beats.
func (r *Registry) Interval() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.limits.Interval
}

// Protocols that a collector can be connected by.
const (
	GRPC  = "grpc"
	OpAMP = "opamp"
)

// Register adds a collector or renews its registration, which keeps its
// configuration and figures. interval is the time between its beats; 0: that of
// the registry. It returns the registration as kept.
func (r *Registry) Register(c *tapiov1.Collector, protocol string, interval time.Duration) (*tapiov1.Collector, error) {
	everyone := r.As("", true)
	return r.register(c, protocol, interval, &everyone)
}

func (r *Registry) register(
	c *tapiov1.Collector, protocol string, interval time.Duration, by *Caller,
) (*tapiov1.Collector, error) {
	if err := checkCollector(c); err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	kept := proto.CloneOf(c)
	kept.Protocol = protocol
	kept.ConfigStatus = nil
	kept.RegisteredAt = timestamppb.New(r.now())
	old, renewed := r.members[c.GetCollectorId()]
	if renewed && !by.owns(old) {
		return nil, denied(c.GetCollectorId())
	}
	if renewed {
		kept.RegisteredAt = old.collector.GetRegisteredAt()
	}
	if err := r.makeRoom(old, kept); err != nil {
		return nil, err
	}
	m, before := old, 0
	if renewed {
		before = old.size()
	} else {
		r.born++
		m = &member{born: r.born, figures: new(Figures), watchers: map[chan struct{}]struct{}{}}
		r.members[c.GetCollectorId()] = m
	}
	m.collector, m.interval, m.owner = kept, interval, by.Subject
	r.seen(m, kept.GetStatus())
	r.bytes += m.size() - before
	return r.view(m), nil
}

// makeRoom checks the limits for c, which takes the place of old if that is not
// nil.
func (r *Registry) makeRoom(old *member, c *tapiov1.Collector) error {
	more := proto.Size(c)
	if old != nil {
		more -= proto.Size(old.collector)
	} else {
		more += memberBytes
	}
	for r.bytes+more > r.limits.Bytes || old == nil && len(r.members) >= r.limits.Collectors {
		if !r.forgetLost(old) {
			return status.Errorf(codes.ResourceExhausted, "%d collectors of %d bytes are registered and none of them is lost: "+
				"raise collectors::max or collectors::memory_limit of the tapio extension", len(r.members), r.bytes)
		}
	}
	return nil
}

// forgetLost drops the member that was silent for longest, if one is lost.
func (r *Registry) forgetLost(but *member) bool {
	var oldest *member
	for _, m := range r.members {
		if m != but && r.state(m) == tapiov1.Collector_STATE_LOST &&
			(oldest == nil || m.lastSeen().Before(oldest.lastSeen())) {
			oldest = m
		}
	}
	if oldest == nil {
		return false
	}
	r.drop(oldest, "lost")
	return true
}

func (r *Registry) drop(m *member, reason string) {
	delete(r.members, m.collector.GetCollectorId())
	r.bytes -= m.size()
	r.left[reason]++
	for w := range m.watchers {
		close(w)
	}
	m.watchers = nil
}

// Unregister ends a registration.
func (r *Registry) Unregister(id string) error {
	_, err := r.As("", true).Unregister(id)
	return err
}

// Left counts registrations that ended, by reason: unregistered, lost.
func (r *Registry) Left() map[string]uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.left)
}

// Beat notes a sign of life and what comes with it; a nil report says nothing
// new.
func (r *Registry) Beat(id string, report *tapiov1.CollectorStatus, answer *tapiov1.ConfigStatus) error {
	everyone := r.As("", true)
	return r.beat(id, report, answer, &everyone)
}

func (r *Registry) beat(id string, report *tapiov1.CollectorStatus, answer *tapiov1.ConfigStatus, by *Caller) error {
	if err := checkReport(report); err != nil {
		return err
	}
	if err := checkAnswer(answer); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	m, err := by.find(id, false)
	if err != nil {
		return err
	}
	before := m.size()
	r.seen(m, report)
	if answer != nil {
		m.takeAnswer(answer)
	}
	r.bytes += m.size() - before
	return nil
}

func (m *member) takeAnswer(answer *tapiov1.ConfigStatus) {
	if answer.GetEffectiveContent() != "" {
		m.effective = answer.GetEffectiveContent()
	}
	if answer.GetResult() != tapiov1.ConfigStatus_RESULT_UNSPECIFIED {
		m.answer = &tapiov1.ConfigStatus{Version: answer.GetVersion(), Result: answer.GetResult(), Message: answer.GetMessage()}
	}
	if answer.GetResult() == tapiov1.ConfigStatus_RESULT_APPLIED {
		m.collector = proto.CloneOf(m.collector)
		m.collector.ConfigVersion = answer.GetVersion()
	}
}

// seen replaces the message rather than change it, for views share it.
func (r *Registry) seen(m *member, report *tapiov1.CollectorStatus) {
	m.collector = proto.CloneOf(m.collector)
	m.collector.LastSeenAt = timestamppb.New(r.now())
	if report != nil {
		m.collector.Status = proto.CloneOf(report)
	}
}

func (r *Registry) find(id string) (*member, error) {
	if id == "" {
		return nil, model.InvalidField("collector_id", "is required")
	}
	m, found := r.members[id]
	if !found {
		return nil, status.Errorf(codes.NotFound, "no collector %q is registered: register it first", id)
	}
	return m, nil
}

func (m *member) lastSeen() time.Time { return m.collector.GetLastSeenAt().AsTime() }

// memberBytes is what a member takes besides its messages.
const memberBytes = 4 << 10

func (m *member) size() int {
	return memberBytes + proto.Size(m.collector) + proto.Size(m.config) + proto.Size(m.answer) + len(m.effective)
}

// state is the worse of what the collector says and what its silence does.
func (r *Registry) state(m *member) tapiov1.Collector_State {
	interval := m.interval
	if interval == 0 {
		interval = r.limits.Interval
	}
	missed := int(r.now().Sub(m.lastSeen()) / interval)
	switch {
	case missed >= r.limits.LostAfter:
		return tapiov1.Collector_STATE_LOST
	case missed >= r.limits.DegradedAfter || m.collector.GetStatus().GetState() > tapiov1.Collector_STATE_HEALTHY:
		return tapiov1.Collector_STATE_DEGRADED
	default:
		return tapiov1.Collector_STATE_HEALTHY
	}
}

// view is the collector as clients see it.
func (r *Registry) view(m *member) *tapiov1.Collector {
	out := proto.CloneOf(m.collector)
	out.State = r.state(m)
	out.ConfigStatus = m.answer
	return out
}
