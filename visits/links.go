package visits

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strconv"
	"strings"
)

const (
	codeBytes = 16                    // 128 bits
	codeChars = (codeBytes*8 + 5) / 6 // 22
	linkPath  = "/v#"                 // what is after # never leaves the browser by itself
)

// linkCode is the code of one generation of an invitation's link. It is an HMAC, so that the same link can be shown again although the
// database holds but its hash.
func linkCode(key []byte, invitation string, generation int) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(invitation + "|" + strconv.Itoa(generation)))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:codeBytes])
}

// looksLikeCode says whether a string could be a code, before anything is looked up.
func looksLikeCode(s string) bool {
	if len(s) != codeChars {
		return false
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	return err == nil && len(b) == codeBytes
}

// hashOf is how secrets of enough entropy are kept: SHA-256, in hex.
func hashOf(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// sessionToken is the value of a session's cookie. It is an HMAC under the browser's own device token, so that redeeming a link twice in one
// browser gives the same cookie, whichever answer comes last; only its hash is kept.
func sessionToken(device, session string) string {
	mac := hmac.New(sha256.New, []byte(device))
	mac.Write([]byte("housecall visit session|" + session))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// linkURL is the address for a person.
func (s *Service) linkURL(invitation string, generation int) string {
	return strings.TrimSuffix(s.config.PublicURL, "/") + linkPath + linkCode(s.config.LinkKey, invitation, generation)
}
