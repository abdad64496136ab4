// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package jaeger

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
)

// skewText is in what the two APIs differ.
type skewText struct {
	host     func(*model.Resource) string // names the clock of a span, "" if unknown
	parent   func(*model.Span) model.SpanID
	noParent string // the warning, with the id of the parent
}

// skewNode is a span among its children.
type skewNode struct {
	span     *adjustedSpan
	host     string
	children []*skewNode
}

// skew is by how much the clock of a host seems to be wrong.
type skew struct {
	delta time.Duration
	host  string
}

// warnOfSkew warns of ids that are not unique, parents that are missing, and spans
// that do not lie within their parent. As in a Jaeger that is not configured for
// it, no time is changed.
func warnOfSkew(spans []adjustedSpan, text skewText) {
	var nodes []*skewNode
	byID := map[model.SpanID]*skewNode{}
	for i := range spans {
		span := &spans[i]
		if byID[span.SpanID] != nil {
			span.warnings = append(span.warnings, "duplicate span IDs; skipping clock skew adjustment")
			continue
		}
		node := &skewNode{span: span, host: text.host(span.Resource)}
		byID[span.SpanID] = node
		nodes = append(nodes, node)
	}
	var roots []*skewNode
	for _, node := range nodes {
		parent := text.parent(&node.span.Span)
		switch {
		case parent.IsZero():
			roots = append(roots, node)
		case byID[parent] != nil:
			byID[parent].children = append(byID[parent].children, node)
		default:
			node.span.warnings = append(node.span.warnings, fmt.Sprintf(text.noParent, parent))
			roots = append(roots, node)
		}
	}
	for _, root := range roots {
		root.warn(nil, skew{host: root.host})
	}
}

// pendingNode is a node to look at with what is known of its parent.
type pendingNode struct {
	node, parent *skewNode
	skew         skew
}

// warn goes through the nodes below, without recursion: a trace may be deep.
func (n *skewNode) warn(parent *skewNode, s skew) {
	pending := []pendingNode{{n, parent, s}}
	for len(pending) > 0 {
		one := pending[len(pending)-1]
		pending = pending[:len(pending)-1]
		if one.parent != nil && (one.node.host == "" || one.node.host != one.skew.host) {
			one.skew = skew{host: one.node.host, delta: skewOf(&one.node.span.Span, &one.parent.span.Span)}
		}
		if one.skew.delta != 0 {
			one.node.span.warnings = append(one.node.span.warnings,
				fmt.Sprintf("clock skew adjustment disabled; not applying calculated delta of %v", one.skew.delta))
		}
		for _, child := range one.node.children {
			pending = append(pending, pendingNode{child, one.node, one.skew})
		}
	}
}

// skewOf is what would bring a child within its parent: to its beginning one that
// takes longer than the parent, any other to its middle.
func skewOf(child, parent *model.Span) time.Duration {
	offset := time.Duration(parent.Start - child.Start)
	if child.Duration() > parent.Duration() {
		return max(offset, 0)
	}
	if child.Start >= parent.Start && child.End <= parent.End {
		return 0
	}
	return offset + time.Duration(parent.Duration()-child.Duration())/2
}

// addressOf returns what the legacy API identifies a host by.
func addressOf(resource *model.Resource) string {
	ip, _ := resource.Attributes.Get("ip")
	switch ip.Kind() {
	case model.KindString:
		return ip.Str()
	case model.KindInt:
		return addressText(uint32(ip.Int()))
	case model.KindBytes:
		if address, ok := netip.AddrFromSlice([]byte(ip.Str())); ok {
			return address.String()
		}
	default: // no other kind holds an address
	}
	return ""
}

// hostOf returns what API v3 identifies a host by.
func hostOf(resource *model.Resource) string {
	if id, found := resource.Attributes.Get(semconv.HostID); found {
		return id.Str()
	}
	switch ip, _ := resource.Attributes.Get(semconv.HostIP); ip.Kind() {
	case model.KindString:
		return ip.Str()
	case model.KindArray:
		if items := ip.Items(); len(items) > 0 {
			return items[0].Value.Text()
		}
	default: // no other kind holds an address
	}
	name, _ := resource.Attributes.Get(semconv.HostName)
	return name.Str()
}
