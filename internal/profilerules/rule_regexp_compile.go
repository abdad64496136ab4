// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profilerules

func regexpCompile() Rule {
	return Rule{
		ID: "regexp-compile", Title: "Regular expressions are compiled at run time", Applies: CPU,
		Threshold: 0.02, Source: "vamsilabs ProfilingTools",
		Explanation: "A regular expression is compiled again each time it is used. What runs while a package or class is initialized " +
			"is not counted.",
		Advice: "Compile once, in a variable that lives as long as the program, and use it again.",
		Frames: []Frames{
			{Language: Go, Functions: []string{"regexp.Compile*", "regexp.MustCompile*", "regexp.compile", "regexp/syntax.Parse", "regexp/syntax.Compile"}},
			{Language: Java, Functions: []string{"java.util.regex.Pattern.compile", "java.util.regex.Pattern.<init>"}},
			{Language: Python, Functions: []string{"re._compiler.*", "re._parser.*", "sre_compile.*", "sre_parse.*"}, Files: []string{"re/_compiler.py", "re/_parser.py", "sre_compile.py", "sre_parse.py"}},
			{Language: Node, Functions: []string{"v8::internal::RegExpCompiler::*", "v8::internal::RegExpImpl::*Compile*", "v8::internal::RegExp::Compile*"}},
			{Language: Native, Functions: []string{
				"re2::RE2::Init*", "re2::Compiler::*", "pcre2_compile*", "pcre_compile*", "std::__detail::_Compiler*",
				"regex::*::Regex::new*", "regex_automata::meta::regex::Builder::build*",
			}},
		},
		Except: []Frames{
			{Language: Go, Functions: []string{"runtime.doInit*"}},
			{Language: Java, Functions: []string{"*.<clinit>"}},
		},
	}
}
