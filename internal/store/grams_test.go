// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/store/ngram"
	"github.com/tapio/tapio/internal/store/segment"
)

func TestTextFilterFindsEveryPart(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 8))
		var set ngram.GramSet
		var texts []string
		before := ""
		for range 1 + r.IntN(300) {
			text := fmt.Sprintf("%s Order %X of user %d: %s", randomText(r), r.Uint64(), r.IntN(1e6), randomText(r))
			if r.IntN(2) == 0 {
				text = before[:r.IntN(len(before)+1)] + text // in the middle of a rune, too
			}
			texts = append(texts, text)
			set.AddAfter(before, text)
			before = text
		}
		shorts := set.Shorts.Encode(ngram.ShortRows)
		filter, words := set.Take(nil)
		require.Len(t, filter, words)
		for _, text := range texts {
			folded := model.FoldText(text)
			from := r.IntN(len(folded))
			part := folded[from : from+1+r.IntN(len(folded)-from)]
			require.True(t, ngram.MayHold(filter, ngram.GramsOf(part)), "%q in %q", part, folded)
			for _, bit := range ngram.ShortsOf(part) {
				require.NotZero(t, shorts[bit/8]>>(bit%8)&1, "%q in %q", part, folded)
			}
		}
	}
}

func TestTextFilterRulesOutForeignIDs(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 9))
	var set ngram.GramSet
	for range segment.BlockRows {
		set.Add(fmt.Sprintf("order %016x", r.Uint64()))
	}
	filter, _ := set.Take(nil)
	found := 0
	for range 1000 {
		if ngram.MayHold(filter, ngram.GramsOf(fmt.Sprintf("%016x", r.Uint64()))) {
			found++
		}
	}
	assert.Less(t, found, 300, "each of its short grams is there, but few of its long ones")
	next, _ := set.Take(nil)
	assert.False(t, ngram.MayHold(next, ngram.GramsOf("order")), "the set begins again with each block")
}
