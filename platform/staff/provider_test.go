package staff_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/uuid"
	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/crypto"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"housecall/auth"
	"housecall/platform/staff"
)

const clientID, clientSecret = "housecall", "client-secret-canary"

// hospital is a real OpenID provider, with people of its own.
type hospital struct {
	*storage.Storage
	server *httptest.Server
	users  map[string]*storage.User
	public string // the house's address

	mu     sync.Mutex
	amr    []string            // how people show who they are
	groups map[string][]string // by user
	nonce  string              // of tokens, in place of the one that was asked for; "": that
}

func (h *hospital) GetUserByID(id string) *storage.User { return h.users[id] }
func (h *hospital) GetUserByUsername(name string) *storage.User {
	return h.users[name]
}
func (h *hospital) ExampleClientID() string { return clientID }

// request is what the provider was asked, with how somebody showed who they are.
type request struct {
	op.AuthRequest
	hospital *hospital
}

func (r request) GetAMR() []string {
	r.hospital.mu.Lock()
	defer r.hospital.mu.Unlock()
	return slices.Clone(r.hospital.amr)
}

func (r request) GetNonce() string {
	r.hospital.mu.Lock()
	defer r.hospital.mu.Unlock()
	if r.hospital.nonce != "" {
		return r.hospital.nonce
	}
	return r.AuthRequest.GetNonce()
}

func (h *hospital) AuthRequestByCode(ctx context.Context, code string) (op.AuthRequest, error) {
	r, err := h.Storage.AuthRequestByCode(ctx, code)
	return request{r, h}, err
}

func (h *hospital) SetUserinfoFromToken(ctx context.Context, info *oidc.UserInfo, token, subject, origin string) error {
	if err := h.Storage.SetUserinfoFromToken(ctx, info, token, subject, origin); err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	info.AppendClaims("groups", h.groups[subject])
	return nil
}

// client is the house as the provider knows it, with where people may be led who have signed out.
type client struct {
	op.Client
	public string
}

func (c client) PostLogoutRedirectURIs() []string { return []string{c.public + "/sign-in"} }

func (h *hospital) GetClientByClientID(ctx context.Context, id string) (op.Client, error) {
	c, err := h.Storage.GetClientByClientID(ctx, id)
	return client{c, h.public}, err
}

func (h *hospital) set(change func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	change()
}

// newHospital starts the provider for a server at that address.
func newHospital(t *testing.T, public string) *hospital {
	t.Helper()
	h := &hospital{public: public, users: map[string]*storage.User{}, groups: map[string][]string{}, amr: []string{"pwd", "mfa"}}
	for id, first := range map[string]string{"u1": "Sam", "u2": "Noor"} {
		h.users[id] = &storage.User{ID: id, Username: id, Password: "provider password", FirstName: first, LastName: "Canary-Colleague", Email: id + "@hospital.example", EmailVerified: true}
	}
	h.Storage = storage.NewStorageWithClients(h, map[string]*storage.Client{clientID: storage.WebClient(clientID, clientSecret, public+"/sign-in/hospital/callback")})
	h.server = httptest.NewUnstartedServer(nil)
	issuer := "http://" + h.server.Listener.Addr().String()
	h.server.Config.Handler = exampleop.SetupServer(issuer, h, slog.New(slog.NewTextHandler(io.Discard, nil)), false)
	h.server.Start()
	t.Cleanup(h.server.Close)
	return h
}

// logoutToken is the word of the provider that somebody has signed out, signed by its own key.
func (h *hospital) logoutToken(t *testing.T, subject string, change func(*oidc.LogoutTokenClaims)) string {
	t.Helper()
	claims := oidc.NewLogoutTokenClaims(h.server.URL, subject, oidc.Audience{clientID}, time.Now().Add(2*time.Minute), uuid.NewString(), "", 0)
	if change != nil {
		change(claims)
	}
	key, err := h.SigningKey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: key.SignatureAlgorithm(), Key: jose.JSONWebKey{Key: key.Key(), KeyID: key.ID()}},
		(&jose.SignerOptions{}).WithType("logout+jwt"))
	if err != nil {
		t.Fatal(err)
	}
	token, err := crypto.Sign(claims, signer)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// signOnHouse is a house whose staff come by the provider.
func signOnHouse(t *testing.T, change ...func(*staff.Config)) (*house, *hospital) {
	t.Helper()
	const public = "http://127.0.0.1:9" // where the provider leads back to; nobody goes there, the tests do what stands after it
	p := newHospital(t, public)
	h := newHouse(t, public, append([]func(*staff.Config){func(c *staff.Config) {
		c.Now = time.Now // tokens go by the provider's clock
		c.SignOn = &staff.SignOn{Issuer: p.server.URL, ClientID: clientID, Secret: clientSecret, Roles: []staff.RoleClaim{
			{Role: auth.Scheduler, Claim: staff.Claim{Name: "groups", Values: []string{"desk"}}},
			{Role: auth.Admin, Claim: staff.Claim{Name: "groups", Values: []string{"chiefs"}}}}}
	}}, change...)...)
	return h, p
}

// comes goes the whole way through the provider in one browser, up to the address that leads back to the house.
func (h *house) comes(t *testing.T, b *http.Client, user, from string) string {
	t.Helper()
	to := h.do(t, b, "GET", from, nil)
	if to.status != 303 {
		t.Fatalf("to the provider: %d %s", to.status, to.body)
	}
	return h.through(t, user, to.header.Get("Location"))
}

// through signs a person in at the provider and gives the address that leads back to the house, as a path.
func (h *house) through(t *testing.T, user, at string) string {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	back := ""
	b := &http.Client{Jar: jar, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if strings.Contains(r.URL.Path, "/sign-in/hospital/callback") {
			back = r.URL.RequestURI()
			return http.ErrUseLastResponse
		}
		return nil
	}}
	page, err := b.Get(at)
	if err != nil {
		t.Fatal(err)
	}
	page.Body.Close()
	form := url.Values{"username": {user}, "password": {"provider password"}, "id": {page.Request.URL.Query().Get("authRequestID")}}
	done, err := b.PostForm("http://"+page.Request.URL.Host+"/login/username", form)
	if err != nil {
		t.Fatal(err)
	}
	done.Body.Close()
	if back == "" {
		t.Fatalf("%s came back nowhere: %s", user, done.Request.URL)
	}
	return back
}
