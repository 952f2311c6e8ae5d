package staff

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/phi"
	"housecall/platform/store"
)

// SignOn is the hospital's own sign-on: an OpenID provider whose word about people is taken.
type SignOn struct {
	Issuer   string // its URL, as its tokens name it
	ClientID string
	Secret   string      // of the client
	Roles    []RoleClaim // who gets which role; the last role of Roles() that fits counts. Whom none fits has no account here
	Factor   Claim       // what a token must say where a second factor was shown; zero: nothing, and our own are asked for
}

// Claim is what a token must say: a claim, by its name or by its way through objects (realm_access.roles), that has one of these values.
type Claim struct {
	Name   string
	Values []string
}

// RoleClaim is whom a role is for.
type RoleClaim struct {
	Role  auth.Role
	Claim Claim
}

const (
	stepSignOn = "signon"
	// providerWithin bounds each call to the provider, so that a sign-in page never hangs on it.
	providerWithin = 8 * time.Second
)

// What may go wrong on the way through the provider, each with words of its own on the page. Causes go to the log.
var (
	errProviderAway = errors.New("the hospital's sign-on does not answer")
	errSignOn       = errors.New("the hospital's sign-on did not sign this browser in")
	errNoRole       = errors.New("no role for this person")
	errNoFactor     = errors.New("no second factor was shown at the hospital's sign-on")
	errTaken        = errors.New("an account has this address")
)

// provider is what is known of the hospital's sign-on. It is asked for when first needed, and again until it has answered.
type provider struct {
	SignOn
	redirect string
	client   *http.Client
	now      func() time.Time

	mu    sync.Mutex
	found *found
}

// found is a provider that has answered.
type found struct {
	*oidc.Provider
	oauth    oauth2.Config
	verifier *oidc.IDTokenVerifier
	endURL   string // where people sign out of it; "": nowhere
}

func newProvider(s SignOn, publicURL string, now func() time.Time) *provider {
	return &provider{SignOn: s, redirect: strings.TrimSuffix(publicURL, "/") + callbackPath, client: &http.Client{Timeout: providerWithin}, now: now}
}

// find asks the provider who it is, once. Errors: errProviderAway.
func (p *provider) find(ctx context.Context) (*found, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.found != nil {
		return p.found, nil
	}
	// Its keys are fetched later with this client, by whichever request needs them: they must not end with this one.
	made, err := oidc.NewProvider(oidc.ClientContext(context.WithoutCancel(ctx), p.client), p.Issuer)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errProviderAway, err)
	}
	var more struct {
		End string `json:"end_session_endpoint"`
	}
	if err := made.Claims(&more); err != nil {
		return nil, fmt.Errorf("%w: %w", errProviderAway, err)
	}
	p.found = &found{made, oauth2.Config{ClientID: p.ClientID, ClientSecret: p.Secret, Endpoint: made.Endpoint(), RedirectURL: p.redirect,
		Scopes: []string{oidc.ScopeOpenID, "profile", "email"}}, made.Verifier(&oidc.Config{ClientID: p.ClientID, Now: p.now}), more.End}
	return p.found, nil
}

// signOnStep is what a browser is sent to the provider with, and must come back with.
type signOnStep struct {
	State, Nonce, Verifier string
	Next                   string
	Browser                string
}

// beginSignOn makes the address to send a browser to, and the token that ties what comes back to this browser. account is whose account is to be
// connected, or empty; again has the provider ask for the password once more. Errors: errProviderAway.
func (a *Accounts) beginSignOn(ctx context.Context, account, next, browser string, again bool) (address, token string, err error) {
	p, err := a.provider.find(ctx)
	if err != nil {
		return "", "", err
	}
	s := signOnStep{Next: next, Browser: browser, Verifier: oauth2.GenerateVerifier()}
	for _, each := range []*string{&s.State, &s.Nonce, &token} {
		if *each, err = newToken(a.Random); err != nil {
			return "", "", err
		}
	}
	b, err := json.Marshal(s)
	if err != nil {
		return "", "", fmt.Errorf("keep a step: %w", err)
	}
	err = a.DB.Tx(ctx, func(tx *store.Tx) error { return a.putStep(ctx, tx, token, stepSignOn, step{account, string(b)}) })
	if err != nil {
		return "", "", err
	}
	options := []oauth2.AuthCodeOption{oidc.Nonce(s.Nonce), oauth2.S256ChallengeOption(s.Verifier)}
	if again {
		options = append(options, oauth2.SetAuthURLParam("prompt", "login"))
	}
	if a.provider.Factor.Name == "acr" {
		options = append(options, oauth2.SetAuthURLParam("acr_values", strings.Join(a.provider.Factor.Values, " ")))
	}
	return p.oauth.AuthCodeURL(s.State, options...), token, nil
}

// finishSignOn takes what a browser came back with: state and code, each good once and in this browser alone. Errors: errSignOn, errNoRole,
// errNoFactor, errTaken, errProviderAway, or one of ours.
func (a *Accounts) finishSignOn(ctx context.Context, token, state, code, oldSession string) (in entry, next string, err error) {
	var s step
	err = a.DB.Tx(ctx, func(tx *store.Tx) error {
		s, err = a.takeStep(ctx, tx, token, stepSignOn)
		return err
	})
	if errors.Is(err, errNoStep) {
		return entry{}, "", errSignOn
	}
	if err != nil {
		return entry{}, "", err
	}
	var asked signOnStep
	if err := json.Unmarshal([]byte(s.Data), &asked); err != nil {
		return entry{}, "", fmt.Errorf("read a step: %w", err)
	}
	if subtle.ConstantTimeCompare([]byte(state), []byte(asked.State)) != 1 {
		return entry{}, asked.Next, errSignOn
	}
	who, err := a.provider.exchange(ctx, code, asked)
	if err != nil {
		return entry{}, asked.Next, err
	}
	o := opening{Browser: asked.Browser, Subject: who.Subject, ProviderSID: who.SID}
	if a.provider.Factor.Name != "" {
		if !a.provider.Factor.fits(who.claims) {
			return entry{}, asked.Next, errors.Join(errNoFactor, a.refuse(ctx, "staff.sign_in", ""))
		}
		o.Second = secondProvider
	}
	role := a.provider.role(who.claims)
	err = a.DB.Tx(ctx, func(tx *store.Tx) error {
		account, err := a.identified(ctx, tx, who, role, s.Account)
		if err != nil {
			return err
		}
		in, err = a.enter(ctx, tx, account, o, oldSession)
		return err
	})
	if errors.Is(err, errNoRole) || errors.Is(err, errTaken) {
		err = errors.Join(err, a.refuse(ctx, "staff.sign_in", ""))
	}
	return in, asked.Next, err
}

// person is who the provider says somebody is.
type person struct {
	Subject, SID string
	Name, Email  string
	claims       map[string]any
}

// exchange gives the provider its code and checks what it says: signature, issuer, audience, times and the nonce of this browser's own request.
func (p *provider) exchange(ctx context.Context, code string, asked signOnStep) (person, error) {
	f, err := p.find(ctx)
	if err != nil {
		return person{}, err
	}
	ctx = oidc.ClientContext(ctx, p.client)
	tokens, err := f.oauth.Exchange(ctx, code, oauth2.VerifierOption(asked.Verifier))
	if err != nil {
		var refused *oauth2.RetrieveError
		if errors.As(err, &refused) {
			return person{}, fmt.Errorf("%w: %s", errSignOn, refused.ErrorCode)
		}
		return person{}, fmt.Errorf("%w: %w", errProviderAway, err)
	}
	raw, _ := tokens.Extra("id_token").(string)
	id, err := f.verifier.Verify(ctx, raw)
	if err != nil {
		return person{}, fmt.Errorf("%w: %w", errSignOn, err)
	}
	if subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(asked.Nonce)) != 1 {
		return person{}, fmt.Errorf("%w: another nonce", errSignOn)
	}
	who := person{Subject: id.Subject, claims: map[string]any{}}
	// Many providers tell names and groups at their userinfo endpoint alone. What the signed token says goes before it.
	if f.UserInfoEndpoint() != "" {
		info, err := f.UserInfo(ctx, oauth2.StaticTokenSource(tokens))
		if err != nil {
			return person{}, fmt.Errorf("%w: %w", errProviderAway, err)
		}
		if info.Subject != id.Subject {
			return person{}, fmt.Errorf("%w: userinfo of somebody else", errSignOn)
		}
		if err := info.Claims(&who.claims); err != nil {
			return person{}, fmt.Errorf("%w: %w", errSignOn, err)
		}
	}
	if err := id.Claims(&who.claims); err != nil {
		return person{}, fmt.Errorf("%w: %w", errSignOn, err)
	}
	who.SID, _ = who.claims["sid"].(string)
	who.Name, _ = who.claims["name"].(string)
	who.Email, _ = who.claims["email"].(string)
	return who, nil
}

// role is the highest that somebody's claims give, or none.
func (p *provider) role(claims map[string]any) auth.Role {
	for _, role := range slices.Backward(Roles()) {
		for _, c := range p.Roles {
			if c.Role == role && c.Claim.fits(claims) {
				return role
			}
		}
	}
	return ""
}

// fits says whether claims have one of the values.
func (c Claim) fits(claims map[string]any) bool {
	at, ok := claims[c.Name]
	if !ok {
		at = any(claims)
		for name := range strings.SplitSeq(c.Name, ".") {
			within, isObject := at.(map[string]any)
			if !isObject {
				return false
			}
			at = within[name]
		}
	}
	switch value := at.(type) {
	case string:
		return slices.Contains(c.Values, value)
	case []any:
		return slices.ContainsFunc(value, func(each any) bool {
			s, isText := each.(string)
			return isText && slices.Contains(c.Values, s)
		})
	}
	return false
}

// identified finds the account of who came by the provider, by issuer and subject alone, and brings name and role of one that was made this way up to
// date. The first time it makes the account, or connects the one whose owner asked for it. Errors: errNoRole, errTaken, errSignOn.
func (a *Accounts) identified(ctx context.Context, tx *store.Tx, who person, role auth.Role, connect string) (Account, error) {
	var id string
	var made int
	err := tx.QueryRowContext(ctx, `SELECT account_id, made FROM staff_identities WHERE issuer = ? AND subject = ?`, a.provider.Issuer, who.Subject).Scan(&id, &made)
	known := err == nil
	if err != nil && !errors.Is(err, fault.NotFound) {
		return Account{}, fmt.Errorf("look an identity up: %w", err)
	}
	if role == "" {
		return Account{}, errNoRole
	}
	if known && connect != "" && connect != id { // it is somebody else's already
		return Account{}, errSignOn
	}
	if !known {
		if id, made = connect, 0; connect == "" {
			made = 1
			n := NewAccount{Name: phi.Text(who.Name), Email: phi.Text(who.Email), Role: role}
			n.tidy()
			if n.Name == "" {
				n.Name = n.Email
			}
			if len(n.judgeNames()) > 0 {
				return Account{}, fmt.Errorf("%w: it tells no name or address that can be used", errSignOn)
			}
			account, err := a.insert(ctx, tx, auth.Actor{}, n, "")
			if fault.CodeOf(err) == fault.CodeNotValid {
				return Account{}, errTaken
			}
			if err != nil {
				return Account{}, err
			}
			id = account.ID
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO staff_identities (issuer, subject, account_id, made, created_at) VALUES (?, ?, ?, ?, ?)`,
			a.provider.Issuer, who.Subject, id, made, store.Millis(a.Now()))
		if err != nil {
			return Account{}, fmt.Errorf("keep an identity: %w", err)
		}
	}
	account, err := a.account(ctx, tx, id)
	if err != nil {
		return Account{}, err
	}
	if !account.Disabled.IsZero() {
		return Account{}, errNoRole
	}
	if !known && connect != "" {
		return account, store.Audit(ctx, tx, store.Act{At: a.Now(), Actor: account.Actor(), Action: "staff.connect", Subject: accountSubject(id), Outcome: store.Allowed})
	}
	if made == 1 && account.Role != role {
		act := store.Act{At: a.Now(), Actor: system, Action: "staff.set_role", Subject: accountSubject(id), Detail: string(account.Role) + " to " + string(role), Outcome: store.Allowed}
		if _, err := tx.ExecContext(ctx, `UPDATE staff_accounts SET role = ? WHERE id = ?`, string(role), id); err != nil {
			return Account{}, fmt.Errorf("change a role: %w", err)
		}
		account.Role = role
		return account, store.Audit(ctx, tx, act)
	}
	return account, nil
}

// endedByProvider ends the sessions of who has signed out at the provider, who says so itself (OpenID Connect Back-Channel Logout 1.0). The same
// word twice is refused. Errors: errSignOn, errProviderAway, or one of ours.
func (a *Accounts) endedByProvider(ctx context.Context, raw string) error {
	f, err := a.provider.find(ctx)
	if err != nil {
		return err
	}
	said, err := f.verifier.VerifyLogout(oidc.ClientContext(ctx, a.provider.client), raw)
	if err != nil {
		return fmt.Errorf("%w: %w", errSignOn, err)
	}
	if said.TokenID == "" || said.Subject == "" && said.SessionID == "" {
		return errSignOn
	}
	now := a.Now()
	return a.DB.Tx(ctx, func(tx *store.Tx) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM staff_logouts WHERE expires_at <= ?`, store.Millis(now)); err != nil {
			return fmt.Errorf("clear old words of the provider: %w", err)
		}
		res, err := tx.ExecContext(ctx, `INSERT INTO staff_logouts (hash, expires_at) VALUES (?, ?) ON CONFLICT (hash) DO NOTHING`,
			hashOf(said.TokenID), store.Millis(said.Expiry.Add(time.Hour)))
		if err := one(res, err, "hear the provider"); errors.Is(err, fault.NotFound) {
			return errSignOn
		} else if err != nil {
			return err
		}
		query, about := `DELETE FROM staff_sessions WHERE subject = ?`, []any{said.Subject}
		if said.SessionID != "" { // that one alone, and those of theirs of which the provider did not say which they are
			query, about = `DELETE FROM staff_sessions WHERE provider_sid = ? OR provider_sid = '' AND subject <> '' AND subject = ?`, []any{said.SessionID, said.Subject}
		}
		if _, err := tx.ExecContext(ctx, query, about...); err != nil {
			return fmt.Errorf("end sessions: %w", err)
		}
		return store.Audit(ctx, tx, store.Act{At: now, Actor: system, Action: "staff.provider_sign_out", Subject: accountSubject(""), Outcome: store.Allowed})
	})
}
