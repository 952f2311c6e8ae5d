package bidi

import "context"

// AddAuthenticator gives the page an authenticator of its own, as a laptop has one: it keeps passkeys, and its owner is verified each time.
// Chromium only. https://chromedevtools.github.io/devtools-protocol/tot/WebAuthn/
func (p *Page) AddAuthenticator(ctx context.Context) error {
	if err := p.devTools(ctx, "WebAuthn.enable", map[string]any{}); err != nil {
		return err
	}
	return p.devTools(ctx, "WebAuthn.addVirtualAuthenticator", map[string]any{"options": map[string]any{"protocol": "ctap2", "transport": "internal",
		"hasResidentKey": true, "hasUserVerification": true, "isUserVerified": true, "automaticPresenceSimulation": true}})
}
