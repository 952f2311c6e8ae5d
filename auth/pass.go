package auth

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const (
	// PassLifetime is how long a pass is good for.
	PassLifetime = 60 * time.Second
	// PassLeeway is how far two clocks may be apart.
	PassLeeway = 5 * time.Second
	// MaxPassBytes is the longest pass that is looked at; a real one has about 500 bytes.
	MaxPassBytes = 2048

	passType     = "visit-pass+jwt" // #nosec G101 -- a media type
	passAudience = "visit"
)

// ErrPass is the one error of every refused pass. What wraps it names the cause, for the log alone: a caller is told nothing more.
var ErrPass = errors.New("the pass was refused")

// PassClaims is what a pass says.
type PassClaims struct {
	ID         string    // jti: spent at the join, so the pass is good once
	Visit      string    // the visit it is for
	Session    string    // the browser's session: the member's id in the room
	Invitation string    // the invitation the session came by
	Role       Role      // of the invitation
	ExpiresAt  time.Time // set by Issue and Verify, to the second
}

// passJWT is PassClaims on the wire (RFC 7519, section 4.1).
type passJWT struct {
	jwt.RegisteredClaims
	Visit      string `json:"visit"`
	Invitation string `json:"invitation"`
	Role       Role   `json:"role"`
}

// Issuer signs passes.
type Issuer struct {
	Kid    string // names Key for verifiers
	Key    ed25519.PrivateKey
	Issuer string // iss
	Now    func() time.Time
}

// Issue signs a pass that lives for PassLifetime from now. Every claim but ExpiresAt must be given.
func (i Issuer) Issue(c PassClaims) (string, error) {
	if err := c.complete(); err != nil {
		return "", fmt.Errorf("issuing a pass: %w", err)
	}
	now := i.Now()
	token := jwt.NewWithClaims(jwt.SigningMethodEdDSA, passJWT{
		RegisteredClaims: jwt.RegisteredClaims{
			ID:        c.ID,
			Issuer:    i.Issuer,
			Subject:   c.Session,
			Audience:  jwt.ClaimStrings{passAudience},
			IssuedAt:  jwt.NewNumericDate(now),
			NotBefore: jwt.NewNumericDate(now),
			ExpiresAt: jwt.NewNumericDate(now.Add(PassLifetime)),
		},
		Visit:      c.Visit,
		Invitation: c.Invitation,
		Role:       c.Role,
	})
	token.Header["typ"] = passType
	token.Header["kid"] = i.Kid
	signed, err := token.SignedString(i.Key)
	if err != nil {
		return "", fmt.Errorf("signing a pass: %w", err)
	}
	return signed, nil
}

// Verifier checks passes. Whether a pass was spent before is not its business: see rooms.Once.
type Verifier struct {
	Keys   func(kid string) (ed25519.PublicKey, bool)
	Issuer string
	Now    func() time.Time
}

// Verify returns the claims of a good pass. Every other one gives an error that is ErrPass.
//
// It follows RFC 8725: the algorithm is ours to choose (3.1), issuer, audience and type are checked (3.8, 3.9, 3.11), and the size is looked
// at before anything is decoded.
func (v Verifier) Verify(token string) (PassClaims, error) {
	if len(token) > MaxPassBytes {
		return PassClaims{}, refuse(fmt.Errorf("%d bytes long", len(token)))
	}
	var claims passJWT
	parsed, err := jwt.ParseWithClaims(token, &claims, v.key,
		jwt.WithValidMethods([]string{jwt.SigningMethodEdDSA.Alg()}),
		jwt.WithIssuer(v.Issuer),
		jwt.WithAudience(passAudience),
		jwt.WithExpirationRequired(),
		jwt.WithIssuedAt(),
		jwt.WithLeeway(PassLeeway),
		jwt.WithTimeFunc(v.Now),
		jwt.WithStrictDecoding(),
	)
	if err != nil {
		return PassClaims{}, refuse(err)
	}
	if !parsed.Valid {
		return PassClaims{}, refuse(errors.New("not valid"))
	}
	c := PassClaims{
		ID:         claims.ID,
		Visit:      claims.Visit,
		Session:    claims.Subject,
		Invitation: claims.Invitation,
		Role:       claims.Role,
		ExpiresAt:  claims.ExpiresAt.Time,
	}
	if err := c.complete(); err != nil {
		return PassClaims{}, refuse(err)
	}
	if c.ExpiresAt.Sub(v.Now()) > PassLifetime+PassLeeway {
		return PassClaims{}, refuse(errors.New("lives too long"))
	}
	return c, nil
}

// key looks the signing key up. It runs before the signature is checked, so the header's type is judged here too.
func (v Verifier) key(t *jwt.Token) (any, error) {
	if typ, _ := t.Header["typ"].(string); typ != passType {
		return nil, errors.New("another typ")
	}
	if _, ok := t.Header["crit"]; ok {
		// RFC 7515, section 4.1.11: extensions not understood must be refused, and none is understood.
		return nil, errors.New("critical extensions")
	}
	kid, _ := t.Header["kid"].(string)
	key, ok := v.Keys(kid)
	if !ok {
		return nil, errors.New("unknown kid")
	}
	return key, nil
}

func (c PassClaims) complete() error {
	switch {
	case c.ID == "":
		return errors.New("no id")
	case c.Visit == "":
		return errors.New("no visit")
	case c.Session == "":
		return errors.New("no session")
	case c.Invitation == "":
		return errors.New("no invitation")
	case !c.Role.Invited():
		return errors.New("no role of a visit")
	}
	return nil
}

func refuse(cause error) error { return fmt.Errorf("%w: %w", ErrPass, cause) }
