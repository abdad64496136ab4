// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/store/colenc"
	"github.com/tapio/tapio/internal/store/segment"
)

// What no value of a label meets is ruled out without unpacking a block.
func TestSelectorsPassOverSegments(t *testing.T) {
	rows := events(1, 3*segment.BlockRows)
	for i := range rows {
		rows[i].Attributes = model.Attributes{
			{Key: "method", Value: model.StringValue("POST")},
			{Key: "route", Value: model.StringValue(fmt.Sprint("/carts/", i/segment.BlockRows))},
			{Key: "user", Value: model.StringValue(fmt.Sprint("user-", i))},
			{Key: "status", Value: model.IntValue(int64(200 + i%300))},
		}
	}
	s := segment.Compact(segment.Codec[model.Event](segment.EventCodec{}), colenc.NewPacker(), colenc.PackQuick, rows)
	for selector, blocks := range map[[3]string]int{
		{"method", "!=", "POST"}: 0, {"method", "=~", "P.*"}: 3, {"method", "!~", "G.*"}: 3, {"method", "!exists", ""}: 0,
		{"route", "=~", ".*/orders/.*"}: 0, {"route", "=~", ".*/1"}: 1, {"route", "!=", "/carts/1"}: 2, {"route", ">", "1"}: 0,
		{"user", "=~", "nobody-.*"}: 0, {"user", "=", "user-600000"}: 0, {"user", "=~", "user-.*"}: 3, {"user", "exists", ""}: 3,
		{"status", ">", "499"}: 0, {"status", ">=", "499"}: 3, {"status", "<", "200"}: 0, {"status", "=", "200"}: 3,
		{"absent", "exists", ""}: 0, {"absent", "!=", "x"}: 3, {"absent", "=", "x"}: 0,
	} {
		values := []string{selector[2]}
		if selector[2] == "" {
			values = nil
		}
		compiled, err := model.NewSelector(selector[0], selector[1], values)
		require.NoError(t, err)
		h := segment.EventHint(&model.EventQuery{Filter: model.Filter{Selectors: []model.Selector{compiled}}})
		l, admitted := &segment.Loader{Segment: s}, 0
		set := l.Blocks(h)
		for b := range s.Blocks {
			if set.Has(b) && l.Admits(h, b) {
				admitted++
			}
		}
		require.Equal(t, blocks, admitted, "%v", selector)
	}
}
