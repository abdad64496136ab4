// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import "strings"

// certainty reports how a name is known to be that of a secret.
type certainty int

const (
	harmless certainty = iota
	// inQuery are names of secrets where they are parameters of a URL.
	inQuery
	// secret are names of secrets everywhere.
	secret
)

// maxName bounds a name; longer ones are text.
const maxName = 96

// classify judges the name of an option, variable, header, parameter or field.
func classify(name string) certainty {
	if len(name) == 0 || len(name) > maxName {
		return harmless
	}
	words := wordsOf(name)
	if len(words) == 0 || describes(words) {
		return harmless
	}
	for i, word := range words {
		last := i == len(words)-1
		switch {
		case strong(word), last && weak(word):
			return secret
		case i > 0 && strings.HasPrefix(word, "key") && ownsKey(words[i-1]) && !publicKey(words, i):
			return secret
		}
	}
	if queryName(words[len(words)-1]) {
		return inQuery
	}
	return harmless
}

// wordsOf splits api-key, API_KEY, apiKey and api.key into words of lower case.
func wordsOf(name string) []string {
	var words []string
	from := -1
	flush := func(to int) {
		if from >= 0 {
			words = append(words, strings.ToLower(name[from:to]))
		}
		from = -1
	}
	for i := 0; i < len(name); i++ {
		c := name[i]
		switch {
		case !letter(c) && !digit(c):
			flush(i)
		case from < 0:
			from = i
		case upper(c) && (!upper(name[i-1]) || i+1 < len(name) && lower(name[i+1])):
			flush(i)
			from = i
		}
	}
	flush(len(name))
	return words
}

// strong are words that make any name that of a secret, alone or as a part.
func strong(word string) bool {
	for _, part := range []string{
		"password", "passwd", "passphrase", "passcode", "secret", "token", "credential", "apikey", "accesskey", "privatekey",
		"secretkey", "accountkey", "sharedkey", "signingkey", "encryptionkey", "authkey", "masterkey", "cookie", "authorization",
	} {
		if strings.Contains(word, part) {
			return true
		}
	}
	switch word {
	case "pwd", "jwt", "creds", "bearer", "otp", "totp", "psk", "passin", "passout", "sas":
		return true
	}
	return strings.HasSuffix(word, "pwd") || strings.HasPrefix(word, "pass") && digits(word[len("pass"):])
}

// weak are words of secrets at the end of a name: proxy_pass, but not pass-through.
func weak(word string) bool {
	switch word {
	case "pw", "auth", "sig", "signature", "session", "sessionid", "sid", "pin", "hmac", "masterauth", "userpwd", "webhook", "extraheader":
		return true
	case "bypass", "compass", "encompass", "surpass", "trespass":
		return false
	}
	return strings.HasSuffix(word, "pass")
}

// ownsKey are the words before key that make it a secret one.
func ownsKey(word string) bool {
	switch word {
	case "api", "access", "private", "secret", "account", "encryption", "signing", "shared", "master", "auth", "license", "storage",
		"signature", "service", "host", "session", "client", "app", "application", "primary", "secondary", "subscription", "write", "admin":
		return true
	}
	return false
}

// publicKey: of a pair only the private half is secret.
func publicKey(words []string, at int) bool { return at > 0 && words[at-1] == "public" }

// queryName are parameters of URLs that carry a secret, though the word means other
// things elsewhere.
func queryName(word string) bool {
	switch word {
	case "key", "code", "ticket", "assertion", "samlresponse", "samlrequest", "hash", "nonce", "st", "invite", "magic", "access", "hmac", "se":
		return true
	}
	return false
}

// describes are names that say something of a secret: where it is, how long, which kind.
func describes(words []string) bool {
	switch words[len(words)-1] {
	case "file", "files", "filename", "path", "paths", "dir", "directory", "stdin", "prompt", "ttl", "timeout", "type", "url", "uri",
		"endpoint", "host", "name", "names", "length", "len", "size", "policy", "expiry", "expires", "expiration", "lifetime",
		"duration", "age", "count", "limit", "limits", "mode", "enabled", "enable", "required", "provider", "method", "issuer",
		"audience", "algorithm", "alg", "class", "format", "version", "rotation", "rounds", "namespace", "plugin", "realm", "scheme",
		"field", "column", "through", "engine", "fd":
		return true
	}
	switch words[0] {
	case "no", "without", "disable", "skip", "max", "num", "ask":
		return true
	}
	return false
}

func upper(c byte) bool  { return c >= 'A' && c <= 'Z' }
func lower(c byte) bool  { return c >= 'a' && c <= 'z' }
func letter(c byte) bool { return upper(c) || lower(c) }
func digit(c byte) bool  { return c >= '0' && c <= '9' }

func digits(text string) bool {
	for i := range len(text) {
		if !digit(text[i]) {
			return false
		}
	}
	return true
}
