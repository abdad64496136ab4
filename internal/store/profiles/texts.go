// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profiles

import "strings"

// texts is a list of texts, most of them names of functions and files. What many begin
// with, such as a folder or a package, is kept once. Reading one makes a copy.
type texts struct {
	heads []string // beginnings
	head  column   // of each text, the place in heads one higher; 0: none
	bytes []byte   // of the texts behind their heads
	ends  column   // of each text in bytes
}

// maxTextHead is the most bytes of a head.
const maxTextHead = 160

// headOf is the beginning of a text that others may have: up to the last / or :: before
// brackets.
func headOf(text string) string {
	within := text[:min(len(text), maxTextHead)]
	if at := strings.IndexAny(within, "([<{ "); at >= 0 {
		within = within[:at]
	}
	end := 1 + strings.LastIndexByte(within, '/')
	if at := strings.LastIndex(within, "::"); at >= 0 {
		end = max(end, at+2)
	}
	return text[:end]
}

func (t *texts) len() int { return t.ends.len() }

// parts are the head and the rest of a text.
func (t *texts) parts(i uint32) (head string, rest []byte) {
	if of := t.head.at(i); of > 0 {
		head = t.heads[of-1]
	}
	from := uint32(0)
	if i > 0 {
		from = t.ends.at(i - 1)
	}
	return head, t.bytes[from:t.ends.at(i)]
}

func (t *texts) at(i uint32) string {
	head, rest := t.parts(i)
	return head + string(rest)
}

func (t *texts) is(i uint32, text string) bool {
	head, rest := t.parts(i)
	return len(text) == len(head)+len(rest) && text[:len(head)] == head && text[len(head):] == string(rest)
}

func (t *texts) size() int64 {
	return t.head.size() + int64(cap(t.bytes)) + t.ends.size() + stringSize*int64(cap(t.heads))
}

func (t *texts) compact() {
	t.head.compact()
	t.ends.compact()
	t.bytes, t.heads = exact(t.bytes), exact(t.heads)
}

// text returns the place of a text.
func (v *volume) text(text string) uint32 {
	t := &v.texts
	if place, found := v.lookup.texts.find(text, t); found {
		return place
	}
	place, head := uint32(t.len()), headOf(text)
	if head == "" {
		t.head.append(0)
	} else {
		t.head.append(v.keep(&v.lookup.heads, &t.heads, head) + 1)
	}
	t.bytes = append(room(t.bytes, len(text)-len(head)), text[len(head):]...)
	t.ends.append(uint32(len(t.bytes)))
	v.lookup.texts.add(text, place, t)
	return place
}

// keep returns the place of a string that is kept as it is.
func (v *volume) keep(x *index[string], list *[]string, text string) uint32 {
	in := slice[string]{list}
	if place, found := x.find(text, in); found {
		return place
	}
	v.textBytes += int64(len(text))
	return intern(x, in, strings.Clone(text)) // it may be a part of a much larger text
}
