// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"cmp"
	"slices"

	"github.com/tapio/tapio/internal/model"
)

// listed is an item of a list, and what places it.
type listed[Item any] struct {
	item  Item
	place model.ListPlace
	bytes int // of what is not in the key
}

// itemBytes is what an item takes in an answer, without its texts.
const itemBytes = 128

// pageOf puts the items in order and takes the page that is asked for.
func pageOf[Item any](items []listed[Item], paging model.ListPaging) model.List[Item] {
	order := func(a, b model.ListPlace) int { return a.Compare(b, paging.ByCount) }
	slices.SortFunc(items, func(a, b listed[Item]) int { return order(a.place, b.place) })
	from := 0
	if !paging.After.IsZero() {
		from, _ = slices.BinarySearchFunc(items, paging.After, func(i listed[Item], after model.ListPlace) int {
			return cmp.Or(order(i.place, after), -1) // behind it
		})
	}
	list, bytes := model.List[Item]{Items: []Item{}}, 0
	for i := from; i < len(items); i++ {
		bytes += itemBytes + len(items[i].place.Key) + items[i].bytes
		if n := i - from; n == max(paging.Limit, 1) || n > 0 && paging.MaxBytes > 0 && bytes > paging.MaxBytes {
			list.Next = items[i-1].place
			break
		}
		list.Items = append(list.Items, items[i].item)
	}
	return list
}

// textBytes is what a list of texts takes in an answer.
func textBytes(texts ...string) (bytes int) {
	for _, text := range texts {
		bytes += len(text) + 2
	}
	return bytes
}
