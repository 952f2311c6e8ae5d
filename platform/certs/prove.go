package certs

import (
	"context"
	"crypto/tls"
	"fmt"
	"slices"

	"github.com/mholt/acmez/v3"
	"github.com/mholt/acmez/v3/acme"
)

// prover answers the authority's challenges on the server's own port. The answer is kept where the other servers find it: the authority may come to any.
type prover struct{ *ACME }

func challengeOf(domain string) string { return "challenge|" + domain }

// Present has the answer ready.
func (p prover) Present(ctx context.Context, challenge acme.Challenge) error {
	domain := challenge.Identifier.Value
	answer, err := acmez.TLSALPN01ChallengeCert(challenge)
	if err != nil {
		return fmt.Errorf("answer to a challenge for %s: %w", domain, err)
	}
	text, err := pairPEM(answer)
	if err != nil {
		return err
	}
	p.mu.Lock()
	p.challenges[domain] = answer
	p.mu.Unlock()
	return p.kept.put(ctx, challengeOf(domain), text)
}

// CleanUp takes it away, also when the order was cut off.
func (p prover) CleanUp(ctx context.Context, challenge acme.Challenge) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUpIn)
	defer cancel()
	domain := challenge.Identifier.Value
	p.mu.Lock()
	delete(p.challenges, domain)
	p.mu.Unlock()
	return p.kept.remove(ctx, challengeOf(domain))
}

// proof is the answer to a challenge for a domain, this server's or another's.
func (a *ACME) proof(ctx context.Context, domain string) (*tls.Certificate, error) {
	if !slices.Contains(a.config.Domains, domain) {
		return nil, fmt.Errorf("certs: %q is not ours to prove", domain)
	}
	a.mu.RLock()
	answer := a.challenges[domain]
	a.mu.RUnlock()
	if answer != nil {
		return answer, nil
	}
	text, err := a.kept.get(ctx, challengeOf(domain))
	if err != nil {
		return nil, err
	}
	if text == nil {
		return nil, fmt.Errorf("certs: nobody asked to prove %s", domain)
	}
	return readPairPEM(text)
}
