// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"log"
	"net"
	"sync/atomic"

	"golang.org/x/net/dns/dnsmessage"
)

// serveNames answers that every name is at 127.0.0.1, or that the server has
// failed.
func serveNames(address string, fail *atomic.Uint64) {
	conn, err := net.ListenPacket("udp", address)
	if err != nil {
		log.Fatal(err)
	}
	buffer := make([]byte, 1500)
	for {
		n, from, err := conn.ReadFrom(buffer)
		if err != nil {
			log.Fatal(err)
		}
		if answer := answerTo(buffer[:n], fail.Load() > 0); answer != nil {
			_, _ = conn.WriteTo(answer, from) // a client that does not get it retries
		}
	}
}

func answerTo(question []byte, fail bool) []byte {
	var message dnsmessage.Message
	if err := message.Unpack(question); err != nil || len(message.Questions) != 1 {
		return nil
	}
	message.Response, message.Additionals = true, nil
	asked := message.Questions[0]
	switch {
	case fail:
		message.RCode = dnsmessage.RCodeServerFailure
	case asked.Type == dnsmessage.TypeA:
		message.Answers = []dnsmessage.Resource{{
			Header: dnsmessage.ResourceHeader{Name: asked.Name, Type: asked.Type, Class: asked.Class, TTL: 1},
			Body:   &dnsmessage.AResource{A: [4]byte{127, 0, 0, 1}},
		}}
	}
	answer, err := message.Pack()
	if err != nil {
		return nil
	}
	return answer
}
