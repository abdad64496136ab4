// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tapio/tapio/internal/correlate/logtemplate"
)

func TestAPlaceInSourceCodeIsDistinguishedFromAnAddress(t *testing.T) {
	for place, source := range map[string]bool{
		"a.Seat#31":              true,
		"o.a.c.Dispatcher#175":   true,
		"server.go:42":           true,
		"app/pay.py:7":           true,
		"shop.PayService:42":     true,
		"db.internal:5432":       false,
		"cart.default.svc:8080":  false,
		"localhost:6379":         false,
		"orders:17":              false,
		"Seat#31":                false,
		"kafka-0.kafka.svc:9092": false,
	} {
		assert.Equal(t, source, logtemplate.IsCodePlace(place) && logtemplate.IsOfSource(place), place)
	}
}

func TestLinesOfOneStatementAreOneStep(t *testing.T) {
	d := newDesk(t, Config{})
	short, long := "INFO a.Seat#31 seats [a]", "INFO a.Seat#31 seats [a, b, c, d, e]"
	for range 30 {
		d.serves(1, "takes order", short)
	}
	d.serves(60, "takes order", long)
	assert.Empty(t, d.last, "a longer list is no other code")
	d.serves(40, "takes order")
	assert.Contains(t, d.only(t).RootCause.Factors[0].Reason, "logs “INFO a.Seat#31 seats a” in 0% of POST /order requests (baseline 100%)")
}

func TestErrorsOfOneStatementAreKeptApart(t *testing.T) {
	d := newDesk(t, Config{})
	known, added := "ERROR a.Seat#31 no seat is left", "ERROR a.Seat#31 the table of seats cannot be read"
	for i := range 120 {
		if i%4 == 0 {
			d.serves(1, "takes order", known)
		} else {
			d.serves(1, "takes order")
		}
	}
	assert.Empty(t, d.last)
	for i := range 60 {
		if i%4 == 0 {
			d.serves(1, "takes order", added)
		} else {
			d.serves(1, "takes order")
		}
	}
	assert.Contains(t, d.only(t).RootCause.Factors[0].Reason, "the table of seats cannot be read")
}

func TestALineThatOnlyNamesAnAddressIsKnownByItsWords(t *testing.T) {
	m := logtemplate.NewMiner(1 << 20)
	n := note{template: m.Of("connected to db.internal:5432 at once")}
	assert.Equal(t, n.template.Text, n.statement())
	n.template = m.Of("INFO shop.Till#9 connected to db.internal:5432")
	assert.Equal(t, "shop.Till#9", n.statement())
	n.failed = true
	assert.Equal(t, n.template.Text, n.statement())
}
