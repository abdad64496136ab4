// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// issuer is an OpenID provider that signs what it is asked to.
type issuer struct {
	url string
	key *rsa.PrivateKey
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	i := &issuer{key: key}
	mux := http.NewServeMux()
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, map[string]any{
			"issuer": i.url, "jwks_uri": i.url + "/keys", "authorization_endpoint": i.url + "/auth", "token_endpoint": i.url + "/token",
			"id_token_signing_alg_values_supported": []string{"RS256"},
		})
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, map[string]any{"keys": []any{map[string]string{
			"kty": "RSA", "use": "sig", "alg": "RS256", "kid": "1",
			"n": base64.RawURLEncoding.EncodeToString(key.N.Bytes()),
			"e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(key.E)).Bytes()),
		}}})
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	i.url = server.URL
	return i
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // the reader reports if this fails
}

// token is one for the audience tapio, for an hour; claims change that.
func (i *issuer) token(t *testing.T, claims map[string]any) bearer {
	t.Helper()
	all := map[string]any{"iss": i.url, "aud": "tapio", "exp": time.Now().Add(time.Hour).Unix(), "groups": []string{}}
	for name, value := range claims {
		all[name] = value
	}
	body, err := json.Marshal(all)
	require.NoError(t, err)
	head := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"RS256","kid":"1","typ":"JWT"}`))
	signed := head + "." + base64.RawURLEncoding.EncodeToString(body)
	hash := sha256.Sum256([]byte(signed))
	signature, err := rsa.SignPKCS1v15(rand.Reader, i.key, crypto.SHA256, hash[:])
	require.NoError(t, err)
	return bearer(signed + "." + base64.RawURLEncoding.EncodeToString(signature))
}

// bearer is a token that goes with every call.
type bearer string

func (b bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + string(b)}, nil
}

func (bearer) RequireTransportSecurity() bool { return false }

// authenticated is the standard collector with an authenticator before its API.
func authenticated(name, config, access string) string {
	return strings.NewReplacer(
		"extensions:\n  tapio:\n", "extensions:\n  "+name+": "+config+"\n  tapio:\n    access: "+access+"\n",
		`grpc: {endpoint: "localhost:0"}
    http: {endpoint: "localhost:0"}
    store`, `grpc: {endpoint: "localhost:0", auth: {authenticator: `+name+`}}
    http: {endpoint: "localhost:0", auth: {authenticator: `+name+`}}
    store`,
		"extensions: [tapio]", "extensions: ["+name+", tapio]",
	).Replace(standard)
}

// rights are the codes that a caller gets to reading, writing and ruling.
func rights(t *testing.T, c *Collector, by bearer) [3]codes.Code {
	t.Helper()
	a := apiAt(dial(t, c.GRPC, insecure.NewCredentials(), grpc.WithPerRPCCredentials(by)))
	_, read := a.GetLogs(bounded(t), &tapiov1.GetLogsRequest{})
	_, write := a.collectors.SendEventBatch(bounded(t), &tapiov1.SendEventBatchRequest{Batch: eventBatch("", 1, 2)})
	_, rule := a.collectors.UpdateConfig(bounded(t), &tapiov1.UpdateConfigRequest{CollectorId: "x", Content: "a: b"})
	return [3]codes.Code{status.Code(read), status.Code(write), status.Code(rule)}
}

const (
	may      = codes.OK
	mayNot   = codes.PermissionDenied
	mayRule  = codes.NotFound // there is no collector x
	stranger = codes.Unauthenticated
)

// Who may do what follows from the groups in a token of an OpenID provider; what
// another has signed, or for others, or long ago, opens nothing.
func TestOpenIDSeparatesRights(t *testing.T) {
	t.Parallel()
	trusted, other := newIssuer(t), newIssuer(t)
	c := Start(t, authenticated("oidc", `{providers: [{issuer_url: "`+trusted.url+`", audience: tapio, groups_claim: groups}]}`,
		`{attribute: membership, read: [readers, operators], write: [agents], admin: [operators]}`))
	groups := func(names ...string) bearer {
		return trusted.token(t, map[string]any{"sub": "someone", "groups": names})
	}
	for name, test := range map[string]struct {
		by   bearer
		want [3]codes.Code
	}{
		"a reader":             {groups("readers"), [3]codes.Code{may, mayNot, mayNot}},
		"an agent":             {groups("agents"), [3]codes.Code{mayNot, may, mayNot}},
		"an operator":          {groups("operators"), [3]codes.Code{may, mayNot, mayRule}},
		"of two groups":        {groups("readers", "agents"), [3]codes.Code{may, may, mayNot}},
		"of no group":          {groups(), [3]codes.Code{mayNot, mayNot, mayNot}},
		"too old":              {trusted.token(t, map[string]any{"exp": 1, "groups": []string{"readers"}}), [3]codes.Code{stranger, stranger, stranger}},
		"for another audience": {trusted.token(t, map[string]any{"aud": "x", "groups": []string{"readers"}}), [3]codes.Code{stranger, stranger, stranger}},
		"of another issuer":    {other.token(t, map[string]any{"iss": trusted.url, "groups": []string{"readers"}}), [3]codes.Code{stranger, stranger, stranger}},
	} {
		require.Equal(t, test.want, rights(t, c, test.by), name)
	}
	figures := figuresAs(t, c, groups("readers"))
	require.EqualValues(t, 9, figures.RejectedCallCounts["Unauthenticated"], "refused calls are counted: %v", figures.RejectedCallCounts)
	require.EqualValues(t, 9, figures.RejectedCallCounts["PermissionDenied"], "%v", figures.RejectedCallCounts)
}

func figuresAs(t *testing.T, c *Collector, by bearer) *tapiov1.TapioServiceGetMetricsResponse {
	t.Helper()
	a := apiAt(dial(t, c.GRPC, insecure.NewCredentials(), grpc.WithPerRPCCredentials(by)))
	figures, err := a.events.GetMetrics(bounded(t), &tapiov1.TapioServiceGetMetricsRequest{})
	require.NoError(t, err)
	return figures
}

// By the subject of a token one can be distinguished from another, too.
func TestOpenIDSubject(t *testing.T) {
	t.Parallel()
	trusted := newIssuer(t)
	c := Start(t, authenticated("oidc", `{providers: [{issuer_url: "`+trusted.url+`", audience: tapio}]}`,
		`{attribute: subject, read: ['*'], write: [agent-1], admin: [root]}`))
	require.Equal(t, [3]codes.Code{may, may, mayNot}, rights(t, c, trusted.token(t, map[string]any{"sub": "agent-1"})))
	require.Equal(t, [3]codes.Code{may, mayNot, mayRule}, rights(t, c, trusted.token(t, map[string]any{"sub": "root"})))
}

// A plain token reports that its bearer may come in, and not who that is: rights
// that name someone are not theirs.
func TestBearerToken(t *testing.T) {
	t.Parallel()
	c := Start(t, authenticated("bearertokenauth", `{token: let-me-in}`, `{attribute: subject, read: ['*'], write: [somebody]}`))
	require.Equal(t, [3]codes.Code{may, mayNot, mayNot}, rights(t, c, "let-me-in"))
	require.Equal(t, [3]codes.Code{stranger, stranger, stranger}, rights(t, c, "let-me-out"))
	require.EqualValues(t, 3, figuresAs(t, c, "let-me-in").RejectedCallCounts["Unauthenticated"])
	open := Start(t, strings.Replace(authenticated("bearertokenauth", `{token: let-me-in}`, `{}`), "    access: {}\n", "", 1))
	require.Equal(t, [3]codes.Code{may, may, mayRule}, rights(t, open, "let-me-in"), "without access, whoever is in may do all")
}

// What an authenticator refuses over HTTP is counted like everything else, and
// so is what never becomes a call.
func TestRefusalsOverHTTPAreCounted(t *testing.T) {
	t.Parallel()
	c := Start(t, authenticated("bearertokenauth", `{token: let-me-in}`, `{attribute: subject, read: ['*'], write: [somebody]}`))
	ask := func(method, path, token, body string) int {
		request, err := http.NewRequestWithContext(bounded(t), method, "http://"+c.HTTP+path, strings.NewReader(body))
		require.NoError(t, err)
		request.Header.Set("Authorization", "Bearer "+token)
		request.Header.Set("Content-Type", "application/json")
		code, _ := do(t, request)
		return code
	}
	require.Equal(t, http.StatusOK, ask(http.MethodGet, "/v1/events", "let-me-in", ""))
	require.Equal(t, http.StatusUnauthorized, ask(http.MethodGet, "/v1/events", "wrong", ""))
	require.Equal(t, http.StatusForbidden, ask(http.MethodPost, "/v1/collectors:send", "let-me-in", `{}`))
	require.Equal(t, http.StatusForbidden, ask(http.MethodGet, "/v1/opamp", "let-me-in", ""))
	require.Equal(t, http.StatusNotFound, ask(http.MethodGet, "/v1/nonsense", "let-me-in", ""))
	require.Equal(t, http.StatusBadRequest, ask(http.MethodGet, "/v1/events?nonsense=1", "let-me-in", ""))
	counts := figuresAs(t, c, "let-me-in").RejectedCallCounts
	require.Equal(t, map[string]uint64{"Unauthenticated": 1, "PermissionDenied": 2, "NotFound": 1, "InvalidArgument": 1}, counts)
}
