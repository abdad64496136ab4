// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tiered

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/tapio/tapio/internal/backend/federation"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/panics"
	"github.com/tapio/tapio/internal/query"
)

// shareOfDeadline is the part of the time that a request has left which a reader may
// take: the rest is for the answer.
const shareOfDeadline = 0.8

// errLate is that a reader has not answered in time.
var errLate = errors.New("did not answer in time")

// ask calls both readers at once, each with its part of a time range, and returns the
// answers of those that answered. The other one is noted. A fault in the query is an
// error, and so is that neither answers.
func ask[T any](
	ctx context.Context, r *Reader, times model.TimeRange, call func(ctx context.Context, from query.Reader, part model.TimeRange) (T, error),
) (answers []T, err error) {
	parts := [2]model.TimeRange{before(ctx, times), since(ctx, times)}
	var values [2]T
	var errs [2]error
	var calls sync.WaitGroup
	for i, member := range []federation.Member{r.Older, r.Recent} {
		if i == 0 && isEmpty(parts[i]) {
			continue
		}
		calls.Go(func() { values[i], errs[i] = askOne(ctx, r, member, parts[i], call) })
	}
	calls.Wait()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	for i, member := range []federation.Member{r.Older, r.Recent} {
		if i == 0 && isEmpty(parts[i]) {
			continue
		}
		if fault, is := errors.AsType[*model.FieldError](errs[i]); is {
			return nil, fault
		}
		if errs[i] != nil {
			note(ctx, member.Name, errs[i])
			continue
		}
		answers = append(answers, values[i])
	}
	if len(answers) == 0 {
		return nil, errors.Join(errs[:]...)
	}
	return answers, nil
}

// askOne calls one reader within its time. A reader that was missing from the same answer
// before is not asked again.
func askOne[T any](
	ctx context.Context, r *Reader, member federation.Member, part model.TimeRange,
	call func(ctx context.Context, from query.Reader, part model.TimeRange) (T, error),
) (value T, err error) {
	if query.IsMissing(ctx, member.Name) {
		return value, errLate
	}
	timeout := r.Timeout
	if deadline, bounded := ctx.Deadline(); bounded {
		timeout = min(timeout, max(time.Duration(float64(time.Until(deadline))*shareOfDeadline), 0))
	}
	ctx, cancel := context.WithTimeoutCause(unnamed(ctx, part), timeout, errLate)
	defer cancel()
	if panicked := panics.Catch(func() { value, err = call(ctx, member.Reader, part) }); panicked != nil {
		r.Panicked(panicked)
		err = panicked
	}
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return value, err
}

func note(ctx context.Context, name string, err error) {
	one := query.Note{Source: name, State: query.SourceFailed, Message: err.Error()}
	if errors.Is(err, errLate) || errors.Is(err, context.DeadlineExceeded) {
		one.State, one.Message = query.SourceLate, errLate.Error()
	}
	if errors.Is(err, errors.ErrUnsupported) {
		one.State = query.SourceIncomplete
	}
	query.AddNote(ctx, one)
}
