// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package server serves the engine of ClickHouse over those parts of its HTTP and native
// protocols that clickhouse-go uses. The framing is ours, engine and SQL are real.
package server

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/ClickHouse/ch-go/compress"

	"github.com/tapio/tapio/internal/clickhousetest/libchdb"
)

// Server is an http.Handler.
type Server struct {
	// User and Password are required of clients, unless User is empty.
	User, Password string

	library   *libchdb.Library
	directory string
	keep      *libchdb.Session // holds the engine open
	version   string
}

// New loads the library and opens the data directory.
func New(library, directory string) (*Server, error) {
	l, err := libchdb.Load(library)
	if err != nil {
		return nil, err
	}
	keep, err := l.Open(directory)
	if err != nil {
		return nil, err
	}
	version, err := keep.Query("SELECT version()", "TSVRaw")
	if err != nil {
		return nil, err
	}
	return &Server{library: l, directory: directory, keep: keep, version: strings.TrimSpace(string(version))}, nil
}

// quote writes a literal.
func quote(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(text) + "'"
}

// protocol reports whether a parameter of the URL is no setting.
func protocol(name string) bool {
	return slices.Contains([]string{
		"query", "database", "default_format", "compress", "decompress", "client_protocol_version", "query_id", "user", "password", "quota_key",
		"session_id", "session_timeout", "session_check", "wait_end_of_query", "buffer_size", "role",
	}, name)
}

// codeOf returns the code of an exception, and the status that a server answers with.
func codeOf(message string) (code, status int) {
	code, status = 1002, http.StatusInternalServerError
	if match := regexp.MustCompile(`^Code: (\d+)\.`).FindStringSubmatch(message); match != nil {
		code, _ = strconv.Atoi(match[1])
	}
	switch code {
	case 516:
		status = http.StatusUnauthorized
	case 60, 47:
		status = http.StatusNotFound
	case 62, 53, 6, 36, 43:
		status = http.StatusBadRequest
	case 159:
		status = http.StatusRequestTimeout
	}
	return code, status
}

func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	code, status := codeOf(err.Error())
	w.Header().Set("X-ClickHouse-Exception-Code", strconv.Itoa(code))
	w.WriteHeader(status)
	text := fmt.Appendf(nil, "%s (version %s)\n", err, s.version)
	if r.URL.Query().Get("compress") == "1" {
		if c := compress.NewWriter(0, compress.LZ4); c.Compress(text) == nil {
			text = c.Data
		}
	}
	_, _ = w.Write(text) // the client may be gone
}

func (s *Server) permits(r *http.Request) bool {
	user, password, ok := r.BasicAuth()
	if !ok {
		user, password = r.Header.Get("X-ClickHouse-User"), r.Header.Get("X-ClickHouse-Key")
	}
	return s.User == "" || user == s.User && password == s.Password
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == "/ping":
		_, _ = io.WriteString(w, "Ok.\n")
	case !s.permits(r):
		s.fail(w, r, fmt.Errorf("Code: 516. DB::Exception: Authentication failed. (AUTHENTICATION_FAILED)")) //nolint:staticcheck // as the server writes it
	default:
		if err := s.answer(w, r); err != nil {
			s.fail(w, r, err)
		}
	}
}

// answer runs the statement of a request. An error means that nothing was written.
func (s *Server) answer(w http.ResponseWriter, r *http.Request) error {
	query := r.URL.Query()
	var body io.Reader = r.Body
	if query.Get("decompress") == "1" {
		body = compress.NewReader(body)
	}
	content, err := io.ReadAll(body)
	if err != nil && (query.Get("decompress") != "1" || len(content) == 0) { // the reader of blocks reports the end as an error
		return err
	}
	format := query.Get("default_format")
	if format == "" {
		format = r.Header.Get("X-ClickHouse-Format")
	}
	statement := string(content)
	if text := query.Get("query"); text != "" {
		file, err := spool(content)
		if err != nil {
			return err
		}
		defer func() { _ = os.Remove(file) }()
		statement = fromFile(text, file)
	}
	out := &output{w: w, compressed: query.Get("compress") == "1"}
	if strings.HasPrefix(strings.TrimSpace(statement), "SELECT displayName(), version(), revision()") {
		return out.write(helloBlock(s.version)) // the engine writes blocks of revision 0
	}
	settings := map[string]string{}
	for name, values := range query {
		if !protocol(name) {
			settings[name] = quote(values[0])
		}
	}
	session, err := s.session(userOf(r), query.Get("database"), settings)
	if err != nil {
		return err
	}
	defer session.Close()
	return run(r, session, statement, format, out)
}

// The users that have a profile, as CREATE USER … SETTINGS gives them one. The engine
// itself enforces what it sets.
const (
	// Reader has readonly = 1: it may select, and set nothing.
	Reader = "reader"
	// Limited has limits, beside that.
	Limited = "limited"
)

func profileOf(user string) []string {
	switch user {
	case Reader:
		return []string{"SET readonly = 1"}
	case Limited:
		return []string{"SET max_rows_to_read = 10", "SET readonly = 1"}
	default:
		return nil
	}
}

// userOf returns who sends a request.
func userOf(r *http.Request) string {
	if user, _, ok := r.BasicAuth(); ok {
		return user
	}
	return r.Header.Get("X-ClickHouse-User")
}

// session opens a session with settings, whose values are literals. Parameters of a
// statement are none that a profile could forbid.
func (s *Server) session(user, database string, settings map[string]string) (*libchdb.Session, error) {
	session, err := s.library.Open(s.directory)
	if err != nil {
		return nil, err
	}
	var statements []string
	for _, parameters := range []bool{true, false} {
		for name, value := range settings {
			if strings.HasPrefix(name, "param_") == parameters {
				statements = append(statements, "SET "+name+" = "+value)
			}
		}
		if parameters && database != "" {
			statements = append(statements, "USE `"+strings.ReplaceAll(database, "`", "\\`")+"`")
		}
		if parameters {
			statements = append(statements, profileOf(user)...)
		}
	}
	for _, statement := range statements {
		if _, err := session.Query(statement, "Null"); err != nil {
			session.Close()
			return nil, err
		}
	}
	return session, nil
}

// isSelect reports whether the answer of a statement comes in parts.
func isSelect(statement string) bool {
	return regexp.MustCompile(`(?is)^\s*(SELECT|WITH)\b`).MatchString(statement)
}

func run(r *http.Request, session *libchdb.Session, statement, format string, out *output) error {
	if !isSelect(statement) || format != "Native" {
		if format == "" {
			format = "TabSeparated"
		}
		content, err := session.Query(statement, format)
		if err != nil {
			return err
		}
		return out.write(content)
	}
	// A server holds back the start of an answer, so that an early error has its status.
	var held bytes.Buffer
	err := session.Stream(statement, format, func(part []byte) error {
		if err := r.Context().Err(); err != nil {
			return err
		}
		held.Write(part)
		return nil
	})
	if err != nil {
		return err
	}
	if held.Len() == 0 { // the header of an answer without rows
		described, err := session.Query("DESCRIBE ("+strings.TrimRight(statement, "; \n")+")", "TSVRaw")
		if err != nil {
			return err
		}
		held.Write(emptyBlock(string(described)))
	}
	return out.write(held.Bytes())
}

// spool writes the data of an INSERT to a file, for the engine cuts long ones inside a
// statement.
func spool(content []byte) (string, error) {
	file, err := os.CreateTemp("", "clickhousetest-*.native")
	if err != nil {
		return "", err
	}
	_, err = file.Write(content)
	return file.Name(), errorsOf(err, file.Close())
}

func errorsOf(first, second error) error {
	if first != nil {
		return first
	}
	return second
}

// fromFile makes an INSERT read a file.
func fromFile(statement, file string) string {
	tail := regexp.MustCompile(`(?is)(?:\s+VALUES|\s+FORMAT\s+\w+)?\s*;?\s*$`)
	return tail.ReplaceAllLiteralString(statement, "") + " FROM INFILE " + quote(file) + " COMPRESSION 'none' FORMAT Native"
}
