//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protocol

import (
	"bytes"
	"errors"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/tapio/tapio/bpf"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/http1"
)

const (
	// maxFormRequest and maxFormAnswer are bpf/exchange.h's REQUEST_MAX and ANSWER_MAX.
	maxFormRequest = 256
	maxFormAnswer  = 512
	// maxForms bounds how often a connection may change the form of its exchanges before
	// the kernel gets no more updates.
	maxForms = 16
)

// learnForm passes to the kernel what the exchanges of a connection look like, once the
// rate is so high that it may count them. These are requests without a body that
// fill a call, and answers that succeed and have a Content-Length.
func (p *HTTPProbe) learnForm(conn *httpConn, id uint64, piece *http1.Piece, begun []*http1.Exchange) error {
	if !conn.sampled || conn.encrypted || conn.formsSent >= maxForms {
		return nil
	}
	if piece.Sent != conn.speaker.Server {
		if len(piece.Data) > 0 {
			conn.hasRequest = conn.form.putRequest(piece, begun)
		}
		return nil
	}
	if !conn.hasRequest || !conn.form.putAnswer(piece) || conn.form == conn.formSent {
		return nil
	}
	conn.formsSent++
	conn.form.Version++
	conn.formSent = conn.form
	err := p.streams.programs.Maps[bpf.StreamMapExchangeForms].Update(id, &conn.form, ebpf.UpdateAny)
	if errors.Is(err, unix.E2BIG) {
		return nil // its exchanges are all sent
	}
	return err
}

func (f *exchangeForm) putRequest(piece *http1.Piece, begun []*http1.Exchange) bool {
	text := piece.Data
	if len(begun) != 1 || begun[0].Request.Method != "GET" || len(text) != piece.Length || len(text) > maxFormRequest {
		return false
	}
	if bytes.Index(text, []byte(endOfHead)) != len(text)-len(endOfHead) {
		return false
	}
	f.RequestLength, f.Request = uint16(len(text)), [maxFormRequest]uint8{}
	copy(f.Request[:], text)
	return true
}

const (
	endOfHead     = "\r\n\r\n"
	contentLength = "\r\ncontent-length: "
)

// putAnswer reports whether the piece begins with the head of an answer that has
// such a form.
func (f *exchangeForm) putAnswer(piece *http1.Piece) bool {
	const status = len("HTTP/1.1 200")
	text := piece.Data[:min(len(piece.Data), maxFormAnswer)]
	end := bytes.Index(text, []byte(endOfHead)) + len(endOfHead)
	if end < len(endOfHead) || end >= maxFormAnswer || len(text) < status || string(text[:7]) != "HTTP/1." || text[9] != '2' && text[9] != '3' {
		return false
	}
	head := bytes.ToLower(text[:end])
	at := bytes.Index(head, []byte(contentLength))
	if at < 0 || bytes.Contains(head, []byte("\r\ntransfer-encoding:")) {
		return false
	}
	f.HeadLength, f.LengthAt = uint16(end), uint16(at+len(contentLength))
	f.Status = [16]uint8{}
	copy(f.Status[:], text[:status])
	return true
}
