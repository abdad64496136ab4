// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tapio/tapio/internal/correlate/bound"
	"github.com/tapio/tapio/internal/correlate/logtemplate"
	"github.com/tapio/tapio/internal/model"
)

func TestTheTopFrameIsWhereTheExceptionArose(t *testing.T) {
	for name, c := range map[string]struct{ stack, place string }{
		"java": {
			"java.lang.RuntimeException: wrapped\n\tat shop.Web.buy(Web.java:10)\nCaused by: java.lang.NullPointerException: no card\n" +
				"\tat java.base/java.util.Objects.requireNonNull(Objects.java:233)\n\tat java.util.Optional.get(Optional.java:1)\n\tat shop.Pay.charge(Pay.java:42)\n\t... 3 more",
			"shop.Pay.charge (Pay.java:42)",
		},
		"python": {
			"Traceback (most recent call last):\n  File \"/app/web.py\", line 7, in buy\n    pay()\n  File \"/app/pay.py\", line 42, in charge\n    raise ValueError\nValueError: no card",
			"charge (/app/pay.py:42)",
		},
		"go": {
			"goroutine 1 [running]:\nruntime/debug.Stack()\n\t/go/src/runtime/debug/stack.go:26 +0x5e\nmain.(*pay).charge(0xc00001)\n\t/app/pay.go:42 +0x1d\nmain.main()\n\t/app/main.go:9 +0x1d",
			"main.(*pay).charge (/app/pay.go:42)",
		},
		"javascript": {
			"TypeError: no card\n    at charge (/app/pay.js:42:13)\n    at async buy (/app/web.js:7:5)\n    at node:internal/process:95:5",
			"charge (/app/pay.js:42)",
		},
		"javascript without a name": {"Error: x\n    at /app/pay.js:42:13\n", "/app/pay.js:42"},
		"dotnet": {
			"System.Exception: no card\n   at System.Linq.Enumerable.First[T](IEnumerable source)\n   at Shop.Pay.Charge(Card card) in /src/Pay.cs:line 42\n   at Shop.Web.Buy() in /src/Web.cs:line 7",
			"Shop.Pay.Charge (/src/Pay.cs:42)",
		},
		"none":  {"it went wrong", ""},
		"empty": {"", ""},
	} {
		assert.Equal(t, c.place, logtemplate.TopFrame(c.stack), name)
	}
}

func FuzzTopFrame(f *testing.F) {
	f.Add("at (\n\t)\n")
	f.Fuzz(func(t *testing.T, stack string) {
		assert.LessOrEqual(t, len(logtemplate.TopFrame(stack)), bound.MaxName)
	})
}

func TestThePlaceOfALogCallIsReported(t *testing.T) {
	attributes := model.Attributes{
		{Key: "code.function.name", Value: model.StringValue("shop.Pay.charge")},
		{Key: "code.file.path", Value: model.StringValue("/src/Pay.java")},
		{Key: "code.line.number", Value: model.IntValue(42)},
	}
	place := logtemplate.PlaceIn(attributes)
	assert.Equal(t, "shop.Pay.charge (/src/Pay.java:42)", place)
	entity := logtemplate.CodeEntity("pay", place)
	assert.Equal(t, model.EntityCode, entity.Kind)
	for _, want := range attributes {
		got, _ := entity.Attributes.Get(want.Key)
		assert.Equal(t, want.Value.Text(), got.Str(), want.Key)
	}
}

func TestAFailingSpanNamesThePlaceOfItsException(t *testing.T) {
	s := newShop(t, Config{})
	s.run(300)
	s.failsWith = "Traceback (most recent call last)\n  File \"/app/pay.py\", line 42, in charge\n"
	s.run(60)
	first := s.only(t).RootCause.Factors[0].Entity
	assert.Equal(t, "pay", first.Name)
	function, _ := first.Attributes.Get("code.function.name")
	assert.Equal(t, "charge", function.Str())
	file, _ := first.Attributes.Get("code.file.path")
	assert.Equal(t, "/app/pay.py", file.Str())
}

// Frames that only look like Go's: the bracket that ends the line was never opened.
func TestALineThatOnlyEndsLikeAFrameIsNone(t *testing.T) {
	for _, stack := range []string{")\n\tmain.go:1", "x)\n\t", "a) \n\tb"} {
		assert.Empty(t, logtemplate.TopFrame(stack))
	}
}
