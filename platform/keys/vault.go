package keys

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// ErrSealed says that a sealed text is not as it was written: of another key, of another place, or damaged.
var ErrSealed = errors.New("a sealed text cannot be opened")

// Vault seals texts of one purpose for a column of the database, and opens them. The zero Vault has no key and can do neither.
type Vault struct {
	newest string                 // the key that seals now
	aeads  map[string]cipher.AEAD // by the key's id
}

// add puts in a key, newer than those before.
func (v *Vault) add(id string, key []byte) error {
	block, err := aes.NewCipher(key)
	if err != nil {
		return fmt.Errorf("key %s: %w", id, err)
	}
	// Nonces are random: one key may seal 2^32 texts (SP 800-38D, section 8.3), more than a hospital says in its life.
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return fmt.Errorf("key %s: %w", id, err)
	}
	if v.aeads == nil {
		v.aeads = map[string]cipher.AEAD{}
	}
	v.newest, v.aeads[id] = id, aead
	return nil
}

// Seal encrypts a text. about names the place it belongs to, and is bound in: nowhere else can it be opened.
func (v Vault) Seal(text, about string) (string, error) {
	aead := v.aeads[v.newest]
	if aead == nil {
		return "", errors.New("seal a text: there is no key")
	}
	sealed := aead.Seal(nil, nil, []byte(text), vaultAAD(v.newest, about)) // #nosec G407 -- this AEAD makes its own random nonce
	return v.newest + "." + base64.StdEncoding.EncodeToString(sealed), nil
}

// Open decrypts what Seal made for the same place. Errors: ErrSealed.
func (v Vault) Open(sealed, about string) (string, error) {
	id, body, _ := strings.Cut(sealed, ".")
	aead := v.aeads[id]
	if aead == nil {
		return "", fmt.Errorf("%w: there is no key of that name", ErrSealed)
	}
	b, err := base64.StdEncoding.DecodeString(body)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrSealed, err)
	}
	text, err := aead.Open(nil, nil, b, vaultAAD(id, about))
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrSealed, err)
	}
	return string(text), nil
}

func vaultAAD(key, about string) []byte { return []byte("housecall/vault/1|" + key + "|" + about) }
