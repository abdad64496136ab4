// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profilerules

func textFormatting() Rule {
	return Rule{
		ID: "text-formatting", Title: "Formatting of text", Applies: CPU,
		Threshold: 0.10, Source: "proposal",
		Explanation: "Text is built by formatting functions, which interpret a format and inspect their arguments at run time.",
		Advice:      "In hot functions use strconv, append, StringBuilder or f-strings, and do not format what is not printed.",
		Frames: []Frames{
			{Language: Go, Functions: []string{"fmt.Sprint*", "fmt.Fprint*", "fmt.Append*", "fmt.Errorf", "fmt.Sscan*"}},
			{Language: Java, Functions: []string{"java.lang.String.format", "java.lang.String.formatted", "java.util.Formatter.format"}},
			{Language: Native, Functions: []string{"*vfprintf_internal", "vsnprintf", "__vsnprintf*", "snprintf", "sprintf"}},
		},
	}
}
