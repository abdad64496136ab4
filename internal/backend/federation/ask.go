// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package federation

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/panics"
	"github.com/tapio/tapio/internal/query"
)

// shareOfDeadline is the part of the time that a request has left which a member may
// take: the rest is for the answer.
const shareOfDeadline = 0.8

// answered is what one member answered.
type answered[T any] struct {
	member *member
	value  T
}

// ask calls all members at once, and returns the answers of those that answered, in
// the order of the members. The others are noted. It fails if none answers, or if one
// finds a fault in the query.
func ask[T any](ctx context.Context, r *Reader, call func(ctx context.Context, m *member) (T, error)) ([]answered[T], error) {
	return askSome(ctx, r, r.all(), call)
}

func askSome[T any](
	ctx context.Context, r *Reader, members []*member, call func(ctx context.Context, m *member) (T, error),
) ([]answered[T], error) {
	values, errs := make([]T, len(members)), make([]error, len(members))
	var calls sync.WaitGroup
	for i, m := range members {
		if query.IsMissing(ctx, m.Name) {
			errs[i] = errMissing
			continue
		}
		calls.Go(func() { values[i], errs[i] = askOne(ctx, r, m, call) })
	}
	calls.Wait()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var answers []answered[T]
	for i, m := range members {
		loop, looped := errors.AsType[*query.LoopError](errs[i])
		switch fault := (*model.FieldError)(nil); {
		case errs[i] == nil:
			answers = append(answers, answered[T]{m, values[i]})
		case looped && loop.Self:
			r.drop(m) // its records are those of the local member
		case looped && loop.Server != r.ID:
			return nil, loop
		case errors.As(errs[i], &fault) && !strings.HasSuffix(fault.Field, "page_token"):
			return nil, fault
		default:
			note(ctx, m, errs[i])
		}
	}
	if len(answers) == 0 && len(members) > 0 {
		return nil, noAnswer(members, errs)
	}
	return answers, nil
}

// errMissing is that the member was noted before.
var errMissing = errors.New("was missing from the same answer before")

// errLate is that a member has not answered in time.
var errLate = errors.New("did not answer in time")

// errBusy is that the calls of other requests to the member took all the time.
var errBusy = errors.New("was busy with other queries until the time was over")

// withinCall marks the context of calls that are made within another one. They do not
// wait for their turn: each of two calls could hold the turn that the other waits for.
type withinCall struct{}

// askOne calls one member.
func askOne[T any](ctx context.Context, r *Reader, m *member, call func(ctx context.Context, m *member) (T, error)) (value T, err error) {
	begin, waits := r.Now(), true // until its turn comes, the member need not be stuck
	if err := m.enter(begin); err != nil {
		return value, err
	}
	caller := ctx
	ctx, cancel := context.WithTimeoutCause(ctx, r.patience(ctx), errLate)
	defer cancel()
	defer func() {
		now := r.Now()
		switch {
		case err == nil || ctx.Err() == nil:
			m.answered()
		case waits, caller.Err() != nil && !errors.Is(caller.Err(), context.DeadlineExceeded):
			m.gaveUp(now, 0, r.Timeout) // the member was busy with others, or the caller went away
		default:
			m.gaveUp(now, now.Sub(begin), r.Timeout)
		}
	}()
	if ctx.Value(withinCall{}) == nil {
		select {
		case m.calls <- struct{}{}:
		case <-ctx.Done():
			if errors.Is(context.Cause(ctx), errLate) {
				return value, errBusy
			}
			return value, context.Cause(ctx)
		}
		defer func() { <-m.calls }()
	}
	begin, waits = r.Now(), false
	if panicked := panics.Catch(func() { value, err = call(ctx, m) }); panicked != nil {
		r.Panicked(panicked)
		err = panicked
	}
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return value, err
}

// patience is how long a member may take.
func (r *Reader) patience(ctx context.Context) time.Duration {
	deadline, bounded := ctx.Deadline()
	if !bounded {
		return r.Timeout
	}
	left := time.Duration(float64(time.Until(deadline)) * shareOfDeadline)
	return min(r.Timeout, max(left, 0))
}

// note reports that a member is missing from an answer.
func note(ctx context.Context, m *member, err error) {
	note := query.Note{Source: m.Name, State: query.SourceFailed, Message: err.Error()}
	switch fault, skipped := (*model.FieldError)(nil), (*skippedError)(nil); {
	case errors.As(err, &skipped), errors.Is(err, errBusy):
		note.State = query.SourceLate
	case errors.Is(err, errMissing):
		return
	case errors.Is(err, errLate), errors.Is(err, context.DeadlineExceeded):
		note.State, note.Message = query.SourceLate, errLate.Error()
	case errors.Is(err, errors.ErrUnsupported):
		note.State = query.SourceIncomplete
	case errors.As(err, &fault):
		note.Message = "was started again since the first page: start again without a page token"
	}
	query.AddNote(ctx, note)
}

// incomplete reports that a part of what a member holds is missing.
func incomplete(ctx context.Context, m *member, format string, args ...any) {
	query.AddNote(ctx, query.Note{Source: m.Name, State: query.SourceIncomplete, Message: fmt.Sprintf(format, args...)})
}

// noAnswer is the error where no member answers: that of the first one if all are of
// its kind.
func noAnswer(members []*member, errs []error) error {
	var exhausted *model.ExhaustedError
	if errors.As(errs[0], &exhausted) {
		return exhausted
	}
	var fault *model.FieldError
	if errors.As(errs[0], &fault) {
		return fault
	}
	if errors.Is(errs[0], errors.ErrUnsupported) {
		return errs[0]
	}
	var list []string
	for i, m := range members {
		if list = append(list, fmt.Sprintf("%s: %v", m.Name, errs[i])); len(list) == 10 {
			break
		}
	}
	return &model.UnavailableError{Problem: fmt.Sprintf("none of %d members answers: %s", len(members), strings.Join(list, "; "))}
}
