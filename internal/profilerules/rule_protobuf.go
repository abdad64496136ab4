// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profilerules

func protobuf() Rule {
	return Rule{
		ID: "protobuf", Title: "Encoding of protocol buffers", Applies: CPU,
		Threshold: 0.10, Source: "Kanev et al. 2015",
		Explanation: "Messages are encoded and decoded for calls or storage.",
		Advice:      "Send less: field masks, larger batches, no messages that are decoded only to be passed on. Reuse messages.",
		Frames: []Frames{
			{Language: Go, Functions: []string{
				"google.golang.org/protobuf/proto.*", "google.golang.org/protobuf/internal/impl.*",
				"google.golang.org/protobuf/internal/encoding*", "github.com/gogo/protobuf/*", "*).MarshalToSizedBuffer",
			}},
			{Language: Java, Functions: []string{"com.google.protobuf.*"}},
			{Language: Native, Functions: []string{"google::protobuf::*", "upb_Decode*", "upb_Encode*", "prost::encoding::*"}, Not: []string{"google::protobuf::*Closure*", "google::protobuf::Service::*"}},
		},
	}
}
