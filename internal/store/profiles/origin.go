// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profiles

import (
	"crypto/sha256"
	"encoding/binary"
	"unsafe"

	"github.com/tapio/tapio/internal/model"
)

// attributeList is attributes as a volume keeps them: the places of its pairs, in refs. The
// resources of processes have most of their attributes in common.
type attributeList struct{ from, to uint32 }

// packedResource is a resource; rest, without attributes, is nil for most.
type packedResource struct {
	attributes attributeList
	rest       *model.Resource
}

// What one thing takes in bytes.
const (
	pairSize     = int64(unsafe.Sizeof(packedPair{}))
	valueSize    = int64(unsafe.Sizeof(model.Value{}))
	keyValueSize = int64(unsafe.Sizeof(model.KeyValue{}))
	listSize     = int64(unsafe.Sizeof(attributeList{}))
	resourceSize = int64(unsafe.Sizeof(packedResource{}))
	kindSize     = int64(unsafe.Sizeof(model.ProfileType{}))
)

// packedPair is one attribute. Its value is an integer, the place of a text, or that of one of
// the other values.
type packedPair struct {
	value uint64
	key   uint32
	kind  model.Kind
}

// pair returns the place of one attribute.
func (v *volume) pair(of *model.KeyValue) uint32 {
	packed := packedPair{key: v.keep(&v.lookup.keys, &v.keys, of.Key), kind: of.Kind()}
	switch packed.kind {
	case model.KindString:
		packed.value = uint64(v.text(of.Str()))
	case model.KindInt:
		packed.value = uint64(of.Int())
	default:
		packed.value = uint64(v.other(of.Value))
	}
	return internIn(&v.lookup.pairs, &v.pairs, packed)
}

// other returns the place of a value that is neither a text nor an integer.
func (v *volume) other(value model.Value) uint32 {
	at := keys[string](func(i uint32) string { return valueKey(v.others[i]) })
	key := valueKey(value)
	if place, found := v.lookup.others.find(key, at); found {
		return place
	}
	place := uint32(len(v.others))
	v.others = appended(v.others, value)
	v.textBytes += int64(len(value.Str()) + model.Attributes(value.Items()).Size())
	v.lookup.others.add(key, place, at)
	return place
}

func valueKey(value model.Value) string {
	return string(appendAttributes(nil, model.Attributes{{Value: value}}))
}

// pair returns an attribute as it came.
func (v *view) pair(place uint64) model.KeyValue {
	of := &v.pairs[place]
	pair := model.KeyValue{Key: v.keys[of.key]}
	switch of.kind {
	case model.KindString:
		pair.Value.SetString(v.texts.at(uint32(of.value)))
	case model.KindInt:
		pair.Value.SetInt(int64(of.value))
	default:
		pair.Value = v.others[of.value]
	}
	return pair
}

// list returns the attributes as the volume keeps them.
func (v *volume) list(attributes model.Attributes) attributeList {
	places := make([]uint32, len(attributes)) // first, as pairs are refs of no one yet
	for i := range attributes {
		places[i] = v.pair(&attributes[i])
	}
	from := uint32(len(v.refs))
	v.refs = room(v.refs, binary.MaxVarintLen32*len(places))
	for _, place := range places {
		v.refs = binary.AppendUvarint(v.refs, uint64(place))
	}
	return attributeList{from, uint32(len(v.refs))}
}

// attributes returns a list as it came.
func (v *view) attributes(of attributeList) model.Attributes {
	if of.from == of.to {
		return nil
	}
	var list model.Attributes
	for rest := (numbers{data: v.refs[of.from:of.to]}); len(rest.data) > 0; {
		list = append(list, v.pair(rest.uint()))
	}
	return list
}

// known returns the place of a list that is equal to the one that was put at the end of
// refs; if there is one, that is taken away again.
func (v *volume) known(x *index[string], last attributeList, more string, at keys[string]) (place uint32, found bool) {
	place, found = x.find(string(v.refs[last.from:last.to])+more, at)
	if found {
		v.refs = v.refs[:last.from]
	}
	return place, found
}

// resource returns the place of a resource.
func (v *volume) resource(of *model.Resource) uint32 {
	list, rest := v.list(of.Attributes), restOf(of)
	at := keys[string](func(i uint32) string {
		r := &v.resources[i]
		return string(v.refs[r.attributes.from:r.attributes.to]) + restKey(r.rest)
	})
	if place, found := v.known(&v.lookup.resources, list, restKey(rest), at); found {
		return place
	}
	place := uint32(len(v.resources))
	v.resources = appended(v.resources, packedResource{list, rest})
	v.lookup.resources.add(at(place), place, at)
	v.textBytes += int64(len(restKey(rest)))
	return place
}

// restOf returns what a resource has beside its attributes; nil if that is nothing.
func restOf(of *model.Resource) *model.Resource {
	if of.SchemaURL == "" && of.DroppedAttributes == 0 && len(of.EntityRefs) == 0 {
		return nil
	}
	return &model.Resource{SchemaURL: of.SchemaURL, DroppedAttributes: of.DroppedAttributes, EntityRefs: of.EntityRefs}
}

func restKey(rest *model.Resource) string {
	if rest == nil {
		return ""
	}
	return string(model.AppendResource(nil, rest))
}

// resource returns a resource as it came.
func (v *view) resource(place uint32) *model.Resource {
	of := &v.resources[place]
	r := &model.Resource{}
	if of.rest != nil {
		*r = *of.rest
	}
	r.Attributes = v.attributes(of.attributes)
	return r
}

// set returns the place of the attributes of samples.
func (v *volume) set(attributes model.Attributes) uint32 {
	list := v.list(attributes)
	at := keys[string](func(i uint32) string { return string(v.refs[v.sets[i].from:v.sets[i].to]) })
	if place, found := v.known(&v.lookup.sets, list, "", at); found {
		return place
	}
	place := uint32(len(v.sets))
	v.sets = appended(v.sets, list)
	v.lookup.sets.add(at(place), place, at)
	return place
}

// seriesKey distinguishes series in all volumes.
type seriesKey [16]byte

// seriesOf returns the place of the series of a profile.
func (v *volume) seriesOf(p *model.Profile) uint32 {
	key := keyOf(p)
	at := keys[seriesKey](func(i uint32) seriesKey { return v.series[i].key })
	if place, found := v.lookup.series.find(key, at); found {
		return place
	}
	place := uint32(len(v.series))
	v.appendSeries(key, p)
	v.lookup.series.add(key, place, at)
	return place
}

func (v *volume) appendSeries(key seriesKey, p *model.Profile) {
	s := series{key: key, resource: v.resource(p.Resource), attributes: v.list(p.Attributes), scope: v.scope(p.Scope)}
	s.kind = internIn(&v.lookup.kinds, &v.kinds, p.Type)
	v.series = appended(v.series, s)
}

// scope returns the scope of a series before that is equal, or this one.
func (v *volume) scope(of *model.Scope) *model.Scope {
	if n := len(v.series); n > 0 {
		if last := v.series[n-1].scope; last == of || scopeKey(last) == scopeKey(of) {
			return last
		}
	}
	v.textBytes += int64(len(scopeKey(of)))
	return of
}

func scopeKey(of *model.Scope) string { return string(model.AppendScope(nil, of)) }

// keyOf returns what is equal for profiles of one series. Parts are separated by bytes that
// no UTF-8 text has.
func keyOf(p *model.Profile) seriesKey {
	key := appendAttributes(nil, p.Resource.Attributes)
	key = append(key, 0xfe)
	key = append(append(key, p.Scope.Name...), 0xfe)
	key = append(append(key, p.Scope.Version...), 0xfe)
	key = append(appendAttributes(key, p.Scope.Attributes), 0xfe)
	key = append(appendAttributes(key, p.Attributes), 0xfe)
	for _, text := range []string{p.Type.Name, p.Type.Unit, p.Type.PeriodName, p.Type.PeriodUnit} {
		key = append(append(key, text...), 0xff)
	}
	sum := sha256.Sum256(binary.LittleEndian.AppendUint64(key, uint64(p.Type.Period)))
	return seriesKey(sum[:])
}

func appendAttributes(key []byte, attributes model.Attributes) []byte {
	for i := range attributes {
		a := &attributes[i]
		key = append(append(key, a.Key...), 0xff, byte(a.Kind()))
		key = append(append(key, a.Value.Text()...), 0xff)
	}
	return key
}

// origin is what profiles of a series come from.
type origin struct {
	resource   *model.Resource
	scope      *model.Scope
	attributes model.Attributes
}

// origin returns what a series comes from, as it came.
func (v *view) origin(place uint32) origin {
	s := &v.series[place]
	return origin{v.resource(s.resource), s.scope, v.attributes(s.attributes)}
}
