package staff

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"strings"

	"housecall/platform/typed"
)

// hashOf is how codes, sessions and keys are stored. They are random and long, so one fast hash is enough.
func hashOf(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// newToken returns 256 random bits, base64url.
func newToken(random io.Reader) (string, error) {
	b := make([]byte, 32)
	if _, err := io.ReadFull(random, b); err != nil {
		return "", fmt.Errorf("read randomness: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(b), nil
}

// newSetupCode returns 120 random bits in a form that can be typed: six groups of four letters and digits.
func newSetupCode(random io.Reader) (string, error) {
	b := make([]byte, 15)
	if _, err := io.ReadFull(random, b); err != nil {
		return "", fmt.Errorf("read randomness: %w", err)
	}
	return grouped(base32.StdEncoding.EncodeToString(b)), nil
}

// tidySetupCode takes a code as people type it: in small letters, with spaces or without dashes, with the digits that look like letters.
func tidySetupCode(s string) string {
	s = strings.NewReplacer(" ", "", "-", "", "0", "O", "1", "I", "8", "B").Replace(strings.ToUpper(typed.Digits(strings.TrimSpace(s))))
	if len(s) > 64 {
		return ""
	}
	return grouped(s)
}

func grouped(s string) string {
	var parts []string
	for len(s) > 4 {
		parts, s = append(parts, s[:4]), s[4:]
	}
	return strings.Join(append(parts, s), "-")
}
