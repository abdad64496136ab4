// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profilerules

func jsonReflection() Rule {
	return Rule{
		ID: "json-reflection", Title: "JSON and reflection", Applies: CPU,
		Threshold: 0.10, Source: "proposal",
		Explanation: "Values are encoded and decoded by reflection, field by field.",
		Advice: "Encode once and reuse the result, decode only the fields that are needed, use generated code or a faster " +
			"library, or a binary format between own services.",
		Frames: []Frames{
			{Language: Go, Functions: []string{"encoding/json.*", "encoding/json/*", "reflect.*"}, Not: []string{
				"reflect.Value.Call*", "reflect.Value.call", "reflect.makeFuncStub", "reflect.callReflect",
				"reflect.callMethod", "reflect.methodValueCall",
			}},
			{Language: Java, Functions: []string{"com.fasterxml.jackson.*", "com.google.gson.*", "org.json.*"}},
			{Language: Python, Functions: []string{
				"json.decoder.*", "json.encoder.*", "encoder_listencode_*", "_parse_object_unicode", "scan_once_unicode",
				"scanner_call",
			}, Files: []string{"json/decoder.py", "json/encoder.py", "json/__init__.py", "simplejson/decoder.py", "simplejson/encoder.py"}},
			{Language: Node, Functions: []string{
				"v8::internal::JsonParser*", "v8::internal::JsonStringifier*", "v8::internal::JsonStringify*",
				"Builtins_Json*", "JSON.parse", "JSON.stringify", "JsonParse", "JsonStringify",
			}},
			{Language: Native, Functions: []string{"nlohmann::*", "rapidjson::*", "serde_json::*", "simdjson::*"}},
		},
	}
}
