// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package panics_test

import (
	"errors"
	"io"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/panics"
)

func indexOf(list []int, at int) int { return list[at] }

func TestAPanicIsAnErrorWithItsPlaceAndStack(t *testing.T) {
	err := panics.Catch(func() { indexOf(nil, -1) })
	var caught *panics.Error
	require.ErrorAs(t, err, &caught)
	assert.Contains(t, err.Error(), "index out of range [-1]")
	assert.Regexp(t, `panics_test\.\S+:\d+$`, caught.Place)
	assert.Contains(t, caught.Stack, "TestAPanicIsAnError")
	var runtimeErr runtime.Error
	require.ErrorAs(t, err, &runtimeErr)

	require.ErrorIs(t, panics.Catch(func() { panic(io.EOF) }), io.EOF)
	require.ErrorContains(t, panics.Catch(func() { panic("text") }), "text")
	require.Error(t, panics.Catch(func() { panic(nil) }))
	require.NoError(t, panics.Catch(func() {}))
}

// What a test framework does to end a goroutine is no panic.
func TestGoexitGoesOn(t *testing.T) {
	after := false
	var group sync.WaitGroup
	group.Go(func() {
		_ = panics.Catch(runtime.Goexit)
		after = true
	})
	group.Wait()
	assert.False(t, after)
}

func TestRestartWaitsLongerAfterEachPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var starts []time.Duration
		began, reported := time.Now(), 0
		panics.Restart(nil, func() {
			if starts = append(starts, time.Since(began)); len(starts) < 9 {
				panic("again")
			}
		}, func(error) { reported++ })
		assert.Equal(t, 8, reported)
		seconds := make([]float64, len(starts))
		for i, s := range starts {
			seconds[i] = s.Seconds()
		}
		assert.Equal(t, []float64{0, 1, 3, 7, 15, 31, 63, 123, 183}, seconds)
	})
}

func TestRestartBeginsSoonAfterALongRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		runs := 0
		panics.Restart(nil, func() {
			if runs++; runs < 4 {
				time.Sleep(time.Hour)
				panic("again")
			}
		}, func(error) {})
		assert.Equal(t, 3*time.Hour+3*time.Second, time.Since(began))
	})
}

func TestRestartEndsWhenItIsDone(t *testing.T) {
	done := make(chan struct{})
	runs := 0
	panics.Restart(done, func() {
		runs++
		close(done)
		panic("last")
	}, func(error) {})
	assert.Equal(t, 1, runs)
}

func TestTheStackOfAPlaceIsReportedOnce(t *testing.T) {
	var count panics.Count
	first := func() error { return panics.Catch(func() { indexOf(nil, 3) }) }
	other := func() error { return panics.Catch(func() { panic("elsewhere") }) }
	assert.NotEmpty(t, count.Add(first()))
	assert.Empty(t, count.Add(first()))
	assert.NotEmpty(t, count.Add(other()))
	assert.Empty(t, count.Add(errors.New("no panic")))
	assert.EqualValues(t, 4, count.Total())
}
