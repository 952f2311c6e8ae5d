package auth_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"housecall/auth"
)

var passNow = time.Date(2026, 11, 24, 15, 0, 0, 0, time.UTC)

func testKey(b byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{b}, ed25519.SeedSize))
}

func testIssuer() auth.Issuer {
	return auth.Issuer{Kid: "k1", Key: testKey(1), Issuer: "https://visits.example", Now: func() time.Time { return passNow }}
}

func testVerifier(now time.Time) auth.Verifier {
	return auth.Verifier{
		Keys: func(kid string) (ed25519.PublicKey, bool) {
			if kid != "k1" {
				return nil, false
			}
			return testKey(1).Public().(ed25519.PublicKey), true
		},
		Issuer: "https://visits.example",
		Now:    func() time.Time { return now },
	}
}

func goodClaims() auth.PassClaims {
	return auth.PassClaims{ID: "jti-1", Visit: "v-1", Session: "s-1", Invitation: "i-1", Role: auth.Patient}
}

func TestPassRoundTrip(t *testing.T) {
	token, err := testIssuer().Issue(goodClaims())
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []time.Duration{-4 * time.Second, 0, 30 * time.Second, 64 * time.Second} {
		got, err := testVerifier(passNow.Add(at)).Verify(token)
		if err != nil {
			t.Fatalf("at %v: %v", at, err)
		}
		want := goodClaims()
		want.ExpiresAt = passNow.Add(auth.PassLifetime)
		if !got.ExpiresAt.Equal(want.ExpiresAt) {
			t.Errorf("expires at %v", got.ExpiresAt)
		}
		got.ExpiresAt = want.ExpiresAt
		if got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
}

func TestIssueRefusesIncompleteClaims(t *testing.T) {
	for name, spoil := range map[string]func(*auth.PassClaims){
		"id":         func(c *auth.PassClaims) { c.ID = "" },
		"visit":      func(c *auth.PassClaims) { c.Visit = "" },
		"session":    func(c *auth.PassClaims) { c.Session = "" },
		"invitation": func(c *auth.PassClaims) { c.Invitation = "" },
		"role":       func(c *auth.PassClaims) { c.Role = "" },
		"desk role":  func(c *auth.PassClaims) { c.Role = auth.Admin },
	} {
		c := goodClaims()
		spoil(&c)
		if _, err := testIssuer().Issue(c); err == nil {
			t.Errorf("%s: issued", name)
		}
	}
}

// sign makes a token with any header and claims, signed with key by method.
func sign(t *testing.T, method jwt.SigningMethod, key any, header, claims map[string]any) string {
	t.Helper()
	token := jwt.NewWithClaims(method, jwt.MapClaims(claims))
	for k, v := range header {
		if v == nil {
			delete(token.Header, k)
		} else {
			token.Header[k] = v
		}
	}
	s, err := token.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// with copies m with the given changes; a nil value removes the key.
func with(m map[string]any, changes ...any) map[string]any {
	out := map[string]any{}
	for k, v := range m {
		out[k] = v
	}
	for i := 0; i < len(changes); i += 2 {
		if changes[i+1] == nil {
			delete(out, changes[i].(string))
		} else {
			out[changes[i].(string)] = changes[i+1]
		}
	}
	return out
}

func TestPassRefused(t *testing.T) {
	header := map[string]any{"typ": "visit-pass+jwt", "kid": "k1"}
	claims := map[string]any{
		"jti": "jti-1", "iss": "https://visits.example", "sub": "s-1", "aud": "visit", "visit": "v-1", "invitation": "i-1", "role": "patient",
		"iat": passNow.Unix(), "nbf": passNow.Unix(), "exp": passNow.Add(time.Minute).Unix(),
	}
	eddsa, key := jwt.SigningMethodEdDSA, testKey(1)
	public := key.Public().(ed25519.PublicKey)
	good := sign(t, eddsa, key, header, claims)
	if _, err := testVerifier(passNow).Verify(good); err != nil {
		t.Fatalf("the control was refused: %v", err)
	}
	parts := strings.Split(good, ".")
	swapped := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"visit-pass+jwt","kid":"k1"}`)) + "." + parts[1] + "."
	noHeader := func(k string) map[string]any { h := with(header); h[k] = nil; return h }

	for name, token := range map[string]string{
		"none":                  "",
		"garbage":               "a.b.c",
		"two parts":             parts[0] + "." + parts[1],
		"no signature":          parts[0] + "." + parts[1] + ".",
		"claims changed":        parts[0] + "." + strings.Split(sign(t, eddsa, key, header, with(claims, "role", "clinician")), ".")[1] + "." + parts[2],
		"another key":           sign(t, eddsa, testKey(2), header, claims),
		"alg none":              sign(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, header, claims),
		"alg none, old claims":  swapped,
		"HS256 with public key": sign(t, jwt.SigningMethodHS256, []byte(public), header, claims),
		"typ JWT":               sign(t, eddsa, key, with(header, "typ", "JWT"), claims),
		"no typ":                sign(t, eddsa, key, noHeader("typ"), claims),
		"unknown kid":           sign(t, eddsa, key, with(header, "kid", "k2"), claims),
		"no kid":                sign(t, eddsa, key, noHeader("kid"), claims),
		"kid a number":          sign(t, eddsa, key, with(header, "kid", 1), claims),
		"critical extension":    sign(t, eddsa, key, with(header, "crit", []string{"x"}), claims),
		"another aud":           sign(t, eddsa, key, header, with(claims, "aud", "staff")),
		"no aud":                sign(t, eddsa, key, header, with(claims, "aud", nil)),
		"another iss":           sign(t, eddsa, key, header, with(claims, "iss", "https://other.example")),
		"no iss":                sign(t, eddsa, key, header, with(claims, "iss", nil)),
		"no exp":                sign(t, eddsa, key, header, with(claims, "exp", nil)),
		"expired":               sign(t, eddsa, key, header, with(claims, "exp", passNow.Add(-6*time.Second).Unix())),
		"not yet valid":         sign(t, eddsa, key, header, with(claims, "nbf", passNow.Add(10*time.Second).Unix())),
		"issued in the future":  sign(t, eddsa, key, header, with(claims, "iat", passNow.Add(10*time.Second).Unix())),
		"lives too long":        sign(t, eddsa, key, header, with(claims, "exp", passNow.Add(time.Hour).Unix())),
		"no jti":                sign(t, eddsa, key, header, with(claims, "jti", nil)),
		"no session":            sign(t, eddsa, key, header, with(claims, "sub", nil)),
		"no visit":              sign(t, eddsa, key, header, with(claims, "visit", nil)),
		"no invitation":         sign(t, eddsa, key, header, with(claims, "invitation", nil)),
		"role of the desk":      sign(t, eddsa, key, header, with(claims, "role", "admin")),
		"unknown role":          sign(t, eddsa, key, header, with(claims, "role", "surgeon")),
		"exp a string":          sign(t, eddsa, key, header, with(claims, "exp", "soon")),
		"over 2 KiB":            sign(t, eddsa, key, header, with(claims, "pad", strings.Repeat("x", 2048))),
		"1 MB":                  strings.Repeat("x", 1<<20),
		"1 MB of dots":          strings.Repeat(".", 1<<20),
	} {
		t.Run(name, func(t *testing.T) {
			got, err := testVerifier(passNow).Verify(token)
			if !errors.Is(err, auth.ErrPass) {
				t.Errorf("error %v, want ErrPass", err)
			}
			if got != (auth.PassClaims{}) {
				t.Errorf("claims told of a refused pass: %+v", got)
			}
		})
	}
}

// TestHugePassIsNotRead proves that size is judged before content: refusing a well-formed pass of 1 MB allocates nothing of its size.
func TestHugePassIsNotRead(t *testing.T) {
	huge := sign(t, jwt.SigningMethodEdDSA, testKey(1), map[string]any{"typ": "visit-pass+jwt", "kid": "k1"}, map[string]any{"pad": strings.Repeat("x", 1<<20)})
	v := testVerifier(passNow)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := v.Verify(huge)
	runtime.ReadMemStats(&after)
	if !errors.Is(err, auth.ErrPass) {
		t.Fatal(err)
	}
	if n := after.TotalAlloc - before.TotalAlloc; n > 1<<19 {
		t.Errorf("%d bytes allocated for a pass that should not be looked at", n)
	}
}

func FuzzVerify(f *testing.F) {
	good, err := testIssuer().Issue(goodClaims())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add("")
	f.Add("..")
	f.Add(strings.Replace(good, ".", "..", 1))
	header, _ := json.Marshal(map[string]any{"alg": "none", "typ": "visit-pass+jwt", "kid": "k1"})
	f.Add(fmt.Sprintf("%s.e30.", base64.RawURLEncoding.EncodeToString(header)))
	f.Fuzz(func(t *testing.T, token string) {
		got, err := testVerifier(passNow).Verify(token)
		if err != nil && !errors.Is(err, auth.ErrPass) {
			t.Fatalf("another error: %v", err)
		}
		// Whatever was mutated, only our own signature may tell claims.
		if err == nil && (got.ID != "jti-1" || got.Role != auth.Patient) {
			t.Fatalf("claims nobody signed: %+v", got)
		}
	})
}
