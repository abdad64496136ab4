// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/tapio/tapio/internal/model"
)

// randomFinding fills a finding of any kind, field by field, so that a field
// that the codec forgets fails the round trip.
func randomFinding(seed uint64) model.Finding {
	r := rand.New(rand.NewPCG(seed, 5))
	kinds := []model.Finding{&model.Correlation{}, &model.SemanticGroup{}, &model.Insight{}}
	finding := kinds[r.IntN(len(kinds))]
	fillFinding(r, reflect.ValueOf(finding).Elem(), 6)
	return finding
}

// enumSizes is how many values each enum has, by the names in the codec.
func enumSizes() map[reflect.Type]int {
	return map[reflect.Type]int{
		reflect.TypeFor[model.EntityKind]():      len(entityKinds()),
		reflect.TypeFor[model.EvidenceKind]():    len(evidenceKinds()),
		reflect.TypeFor[model.CorrelationType](): len(correlationTypes()),
		reflect.TypeFor[model.GroupType]():       len(groupTypes()),
		reflect.TypeFor[model.GroupState]():      len(groupStates()),
		reflect.TypeFor[model.GroupKind]():       len(groupKinds()),
		reflect.TypeFor[model.InsightAudience](): len(audiences()),
		reflect.TypeFor[model.ImpactLevel]():     len(impactLevels()),
		reflect.TypeFor[model.ActionUrgency]():   len(urgencies()),
		reflect.TypeFor[model.Severity]():        len(severityTexts()),
	}
}

func fillFinding(r *rand.Rand, v reflect.Value, depth int) {
	if v.Type() == reflect.TypeFor[model.Attributes]() {
		v.Set(reflect.ValueOf(randomTextAttributes(r)))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fillFinding(r, v.Field(i), depth-1)
		}
	case reflect.Slice:
		if n := r.IntN(3); n > 0 && depth > 0 {
			v.Set(reflect.MakeSlice(v.Type(), n, n))
			for i := range n {
				fillFinding(r, v.Index(i), depth-1)
			}
		}
	case reflect.String:
		v.SetString(fmt.Sprint("text-", r.IntN(1000)))
	case reflect.Float64:
		v.SetFloat(r.NormFloat64())
	case reflect.Bool:
		v.SetBool(r.IntN(2) == 0)
	case reflect.Uint8:
		size, known := enumSizes()[v.Type()]
		if !known {
			panic("the codec has no names for " + v.Type().String())
		}
		v.SetUint(r.Uint64N(uint64(size)))
	case reflect.Uint32, reflect.Uint64:
		v.SetUint(r.Uint64() >> r.IntN(64))
	default:
		panic("no random " + v.Type().String())
	}
}

func randomTextAttributes(r *rand.Rand) model.Attributes {
	var list model.Attributes
	for i := range r.IntN(3) {
		list = append(list, model.KeyValue{Key: fmt.Sprint("key-", i), Value: model.StringValue(fmt.Sprint(r.IntN(9)))})
	}
	return list
}

// A finding goes through the words, through OTLP's bytes and back.
func TestFindingsComeBackWhole(t *testing.T) {
	for seed := range uint64(rounds) {
		finding := randomFinding(seed)
		data := marshalLogs(t, LogsFromFindings([]model.Finding{finding}, 7))
		logs, err := (&plog.ProtoUnmarshaler{}).UnmarshalLogs(data)
		require.NoError(t, err)
		events := EventsFromLogs(logs)
		require.Len(t, events, 1)
		require.True(t, IsFinding(&events[0]))
		require.Equal(t, model.Nanos(7), events[0].ObservedTime)
		require.Equal(t, finding, FindingFromEvent(&events[0]), "seed %d", seed)
	}
}

// Every name differs from the others, for the position of a name is its value.
// Backends that keep attributes as text return what was found all the same.
func TestFindingsComeBackFromTexts(t *testing.T) {
	for seed := range uint64(300) {
		want := randomFinding(seed)
		logs := LogsFromFindings([]model.Finding{want}, 0)
		record := logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0)
		for _, v := range record.Attributes().All() {
			v.SetStr(v.AsString())
		}
		got := EventsFromLogs(logs)
		if want.Identity().ID == "" {
			continue
		}
		require.Equal(t, want, FindingFromEvent(&got[0]), "seed %d", seed)
	}
}

func TestNamesOfEnumsAreUnique(t *testing.T) {
	for _, names := range [][]string{
		correlationTypes(), groupTypes(), groupStates(), audiences(), impactLevels(), urgencies(), evidenceKinds(), entityKinds(),
	} {
		seen := map[string]bool{}
		for _, name := range names {
			require.False(t, seen[name], "%q in %v", name, names)
			seen[name] = true
		}
	}
	for kind, name := range entityKinds() {
		if kind > 0 {
			require.Equal(t, name, model.EntityKind(kind).String())
		}
	}
}

func TestARecordThatCarriesNoFinding(t *testing.T) {
	whole := EventFromFinding(&model.Insight{FindingIdentity: model.FindingIdentity{ID: "i-1"}})
	for name, change := range map[string]func(*model.Event){
		"another name":     func(e *model.Event) { e.Name = "device.app.lifecycle" },
		"no name":          func(e *model.Event) { e.Name = "" },
		"no id":            func(e *model.Event) { e.Attributes = nil },
		"an id of no text": func(e *model.Event) { e.Attributes = model.Attributes{{Key: findingID, Value: model.IntValue(1)}} },
	} {
		t.Run(name, func(t *testing.T) {
			event := whole
			change(&event)
			require.Nil(t, FindingFromEvent(&event))
		})
	}
}

func TestAPersonFindsTheHeadlineOfAFinding(t *testing.T) {
	group := EventFromFinding(&model.SemanticGroup{
		FindingIdentity: model.FindingIdentity{ID: "g-1", Revision: 2, Time: 100},
		Title:           "payment is slow since its disk stalls",
		Services:        []string{"payment", "checkout"},
		Impact:          model.Impact{Level: model.ImpactHigh},
		RootCause: model.RootCause{Factors: []model.CausalFactor{
			{Rank: 1, Entity: model.Entity{Kind: model.EntityPod, Name: "payment-7"}},
		}},
	})
	require.Equal(t, "payment is slow since its disk stalls", group.Body.Str())
	require.Equal(t, model.SeverityError, group.Severity())
	for key, want := range map[string]string{
		"tapio.group.id":        "g-1",
		"tapio.root_cause.kind": "pod",
		"tapio.root_cause.name": "payment-7",
	} {
		got, _ := group.Attributes.Get(key)
		require.Equal(t, want, got.Str(), key)
	}
	_, found := group.Attributes.Get("service.name")
	require.False(t, found, "it is no record of the service that it blames")
	of, _ := group.Resource.Attributes.Get("service.name")
	require.Equal(t, "tapio", of.Str())
}

// FuzzFindingFromEvent tries what someone else may send under our names. What
// is read once reads the same ever after.
func FuzzFindingFromEvent(f *testing.F) {
	addSeeds(f)
	finding := func(t testing.TB, seed uint64) []byte {
		return marshalLogs(t, LogsFromFindings([]model.Finding{randomFinding(seed)}, 0))
	}
	full := finding(f, 0)
	f.Fuzz(func(t *testing.T, seed, a, b, c uint64) {
		payload := edited(payloadOf(seed, full, func(seed uint64) []byte { return finding(t, seed) }), a, b, c)
		logs, err := LogsFromPayload(payload)
		if err != nil {
			return
		}
		events := EventsFromLogs(logs)
		for i := range events {
			finding := FindingFromEvent(&events[i])
			if finding == nil {
				continue
			}
			require.True(t, strings.HasPrefix(finding.EventName(), "tapio."))
			written := EventFromFinding(finding)
			again := EventFromFinding(FindingFromEvent(&written))
			require.Equal(t, marshalEach(t, []model.Event{written}), marshalEach(t, []model.Event{again}))
		}
	})
}
