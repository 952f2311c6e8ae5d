package certs

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mholt/acmez/v3"
	"github.com/mholt/acmez/v3/acme"
	"golang.org/x/net/idna"

	"housecall/platform/keys"
	"housecall/platform/store"
)

const (
	// LetsEncrypt is the directory of the authority that is asked where no other is named.
	LetsEncrypt = "https://acme-v02.api.letsencrypt.org/directory"

	lookEvery  = time.Minute      // for what other servers of the domain have got
	retryFirst = 2 * time.Minute  // after a failure; doubled by each one more. Let's Encrypt takes five failures an hour.
	retryTimes = 32               // the longest wait is so many times the first
	orderTakes = 10 * time.Minute // at most
	oneRequest = 30 * time.Second // to the authority, at most
	cleanUpIn  = 5 * time.Second  // after an order, also one that was cut off
	askAgain   = 6 * time.Hour    // when the authority wants a certificate renewed (RFC 9773)
	spareMost  = 30 * 24 * time.Hour
)

// ACMEConfig is what ACME needs from outside.
type ACMEConfig struct {
	Domains   []string       // as Domain gives them; each has a certificate of its own, the first is for whoever asks for another or for none
	Directory string         // of the authority; "": LetsEncrypt
	Roots     *x509.CertPool // that the directory's own certificate must come from; nil: the system's
	Email     string         // the authority may write to; "": none
	DB        *store.DB      // where servers of the same domains share what they have
	Vault     keys.Vault     // seals it

	Look   time.Duration    // between looks at what other servers have got; 0: a minute
	Retry  time.Duration    // after a first failure; 0: 2 minutes
	Now    func() time.Time // nil: time.Now
	Logger *slog.Logger     // nil: nothing is logged
}

// ACME gets certificates from an authority that speaks ACME (RFC 8555), proving on the server's own port that its domains are ours (TLS-ALPN-01, RFC 8737), and renews them
// in time. Several servers that share a database share certificates too: one of them orders, and any may be asked for the proof.
type ACME struct {
	config ACMEConfig
	kept   kept
	self   string // among the servers
	client *acmez.Client

	end     context.CancelFunc
	running sync.WaitGroup

	accounts sync.Mutex // held while one is looked for or made, so that it is only one

	mu         sync.RWMutex
	certs      map[string]*tls.Certificate // by domain
	challenges map[string]*tls.Certificate // by domain, while this server proves it
}

// Domain reads the name of a host as a certificate has it: lower case, and other scripts in their ASCII form.
func Domain(s string) (string, error) {
	name, err := idna.Lookup.ToASCII(strings.TrimSuffix(strings.TrimSpace(s), "."))
	if err != nil || !strings.Contains(name, ".") || strings.Trim(name, "0123456789.") == "" {
		return "", fmt.Errorf("%q is no name of a host that an authority certifies, as in visits.example.org", s)
	}
	return name, nil
}

// OpenACME takes the certificates there are, and starts getting those that are missing and renewing the others until Close. It does not wait for the authority.
func OpenACME(ctx context.Context, c ACMEConfig) (*ACME, error) {
	if c.Directory == "" {
		c.Directory = LetsEncrypt
	}
	if c.Look == 0 {
		c.Look = lookEvery
	}
	if c.Retry == 0 {
		c.Retry = retryFirst
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if len(c.Domains) == 0 {
		return nil, errors.New("certs: no domain")
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: c.Roots}
	a := &ACME{config: c, kept: kept{c.DB, c.Vault}, self: store.NewID(), certs: map[string]*tls.Certificate{}, challenges: map[string]*tls.Certificate{}}
	a.client = &acmez.Client{
		Client:           &acme.Client{Directory: c.Directory, UserAgent: "housecall", HTTPClient: &http.Client{Transport: transport, Timeout: oneRequest}},
		ChallengeSolvers: map[string]acmez.Solver{acme.ChallengeTypeTLSALPN01: prover{a}},
	}
	if err := a.kept.migrate(ctx); err != nil {
		return nil, err
	}
	for _, domain := range c.Domains {
		if err := a.load(ctx, domain); err != nil {
			return nil, fmt.Errorf("certs: %w", err)
		}
	}
	var work context.Context
	work, a.end = context.WithCancel(context.Background())
	for _, domain := range c.Domains {
		a.running.Go(func() { a.keep(work, domain) })
	}
	return a, nil
}

// Close ends what goes on.
func (a *ACME) Close() error {
	a.end()
	a.running.Wait()
	a.client.HTTPClient.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(context.Background(), cleanUpIn)
	defer cancel()
	return a.kept.release(ctx, "", a.self)
}

// Certificate is the domain's certificate, the first domain's for whoever names none of ours, and the proof for an authority that asks for it.
func (a *ACME) Certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	domain := strings.TrimSuffix(strings.ToLower(hello.ServerName), ".")
	if slices.Equal(hello.SupportedProtos, []string{protoChallenge}) {
		return a.proof(hello.Context(), domain)
	}
	a.mu.RLock()
	defer a.mu.RUnlock()
	if !slices.Contains(a.config.Domains, domain) {
		domain = a.config.Domains[0]
	}
	if c := a.certs[domain]; c != nil {
		return c, nil
	}
	return nil, fmt.Errorf("certs: there is no certificate for %s yet", domain)
}

// nameOf is what is kept for a domain: certificates of another authority, as one to test with, are never taken for this one's.
func (a *ACME) nameOf(domain string) string {
	return "certificate|" + a.config.Directory + "|" + domain
}

// load takes the certificate that is kept, which another server may have put there.
func (a *ACME) load(ctx context.Context, domain string) error {
	text, err := a.kept.get(ctx, a.nameOf(domain))
	if err != nil || text == nil {
		return err
	}
	c, err := readPairPEM(text)
	if err != nil {
		return fmt.Errorf("%s: %w", domain, err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if before := a.certs[domain]; before == nil || !before.Leaf.Equal(c.Leaf) {
		a.certs[domain] = c
	}
	return nil
}

func (a *ACME) current(domain string) *tls.Certificate {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return a.certs[domain]
}

// keep has a certificate of a domain got and renewed until the context ends.
func (a *ACME) keep(ctx context.Context, domain string) {
	var plan renewal
	for retry := a.config.Retry; ; {
		wait := a.config.Look
		if err := a.refresh(ctx, domain, &plan, retry); err == nil {
			retry = a.config.Retry
		} else if ctx.Err() == nil {
			wait, retry = retry, min(2*retry, retryTimes*a.config.Retry)
			attrs := []any{"domain", domain, "again_in", wait.String(), "err", err}
			if c := a.current(domain); c != nil {
				attrs = append(attrs, "good_until", c.Leaf.NotAfter)
			}
			a.config.Logger.Error("no new TLS certificate from the authority", attrs...)
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
	}
}

// refresh takes what other servers have got, and orders when that is due and nobody else does.
func (a *ACME) refresh(ctx context.Context, domain string, plan *renewal, retry time.Duration) error {
	if err := a.load(ctx, domain); err != nil {
		return err
	}
	if !a.due(ctx, domain, plan) {
		return nil
	}
	name, now := a.nameOf(domain), a.config.Now()
	mine, err := a.kept.claim(ctx, name, a.self, now, now.Add(orderTakes))
	if err != nil || !mine {
		return err
	}
	if err := a.load(ctx, domain); err != nil { // one that was put there just before
		return err
	}
	if a.due(ctx, domain, plan) {
		if err := a.order(ctx, domain); err != nil {
			// The others wait as long as this one, since the authority counts failures by domain.
			now = a.config.Now()
			_, claimed := a.kept.claim(ctx, name, a.self, now, now.Add(retry))
			return errors.Join(err, claimed)
		}
		a.config.Logger.Info("a new TLS certificate", "domain", domain, "until", a.current(domain).Leaf.NotAfter)
	}
	return a.kept.release(ctx, name, a.self)
}

// renewal is when a certificate is to be renewed, as the authority wants it.
type renewal struct {
	of   *x509.Certificate
	info acme.RenewalInfo // zero: it said nothing
	ask  time.Time        // again
}

// due says whether it is time for a new certificate: the authority's time, or when a third of its life is left, thirty days at most.
func (a *ACME) due(ctx context.Context, domain string, plan *renewal) bool {
	c := a.current(domain)
	if c == nil {
		return true
	}
	now, leaf := a.config.Now(), c.Leaf
	at := leaf.NotAfter.Add(-min(leaf.NotAfter.Sub(leaf.NotBefore)/3, spareMost))
	if !now.Before(at) {
		return true
	}
	if plan.of == nil || !plan.of.Equal(leaf) {
		*plan = renewal{of: leaf}
	}
	if !now.Before(plan.ask) {
		plan.ask = now.Add(askAgain)
		info, err := a.client.GetRenewalInfo(ctx, leaf)
		switch {
		case err != nil && !errors.Is(err, acme.ErrUnsupported) && ctx.Err() == nil:
			a.config.Logger.Warn("the authority does not say when to renew", "domain", domain, "err", err)
		case err == nil && !info.SameWindow(plan.info): // within the same window the time chosen first stays
			plan.info = info
		}
	}
	return plan.info.HasWindow() && !now.Before(plan.info.SelectedTime)
}

// order gets a certificate and keeps it.
func (a *ACME) order(ctx context.Context, domain string) error {
	ctx, cancel := context.WithTimeout(ctx, orderTakes)
	defer cancel()
	account, err := a.account(ctx)
	if err != nil {
		return err
	}
	key, err := newKey()
	if err != nil {
		return err
	}
	request, err := acmez.NewCSR(key, []string{domain})
	if err != nil {
		return err
	}
	params, err := acmez.OrderParametersFromCSR(account, request)
	if err != nil {
		return err
	}
	if before := a.current(domain); before != nil {
		params.Replaces = before.Leaf
	}
	chains, err := a.client.ObtainCertificate(ctx, params)
	if err != nil {
		return err
	}
	if len(chains) == 0 {
		return errors.New("the authority gave no certificate")
	}
	secret, err := keyPEM(key)
	if err != nil {
		return err
	}
	text := slices.Concat(chains[0].ChainPEM, secret)
	c, err := readPairPEM(text)
	if err != nil {
		return err
	}
	if err := c.Leaf.VerifyHostname(domain); err != nil {
		return err
	}
	if err := a.kept.put(ctx, a.nameOf(domain), text); err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.certs[domain] = c
	return nil
}

// account is ours at the authority, made when there is none.
func (a *ACME) account(ctx context.Context) (acme.Account, error) {
	a.accounts.Lock()
	defer a.accounts.Unlock()
	name := "account|" + a.config.Directory
	text, err := a.kept.get(ctx, name)
	if err != nil {
		return acme.Account{}, err
	}
	if text == nil {
		key, err := newKey()
		if err != nil {
			return acme.Account{}, err
		}
		if text, err = keyPEM(key); err != nil {
			return acme.Account{}, err
		}
		if err := a.kept.add(ctx, name, text); err != nil {
			return acme.Account{}, err
		}
		if text, err = a.kept.get(ctx, name); err != nil { // another server's, when that was sooner
			return acme.Account{}, err
		}
	}
	key, err := readKeyPEM(text)
	if err != nil {
		return acme.Account{}, fmt.Errorf("%s: %w", name, err)
	}
	account := acme.Account{TermsOfServiceAgreed: true, PrivateKey: key}
	if a.config.Email != "" {
		account.Contact = []string{"mailto:" + a.config.Email}
	}
	// Who has an account with this key is told which (RFC 8555, section 7.3.1).
	if account, err = a.client.NewAccount(ctx, account); err != nil {
		return acme.Account{}, fmt.Errorf("account at the authority: %w", err)
	}
	return account, nil
}
