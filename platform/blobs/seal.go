package blobs

import (
	"encoding/base64"
	"fmt"

	"filippo.io/age"

	"housecall/platform/keys"
)

// stanza is the type of what says how a blob's key is sealed (age-encryption.org/v1, "Recipient stanza").
const stanza = "housecall"

// sealer wraps the key of one blob: it implements age.Recipient and age.Identity. The blob's name is bound in, so that no blob can stand for another.
type sealer struct {
	vault keys.Vault
	name  string
}

// Wrap seals the key that age made for this blob alone.
func (s *sealer) Wrap(fileKey []byte) ([]*age.Stanza, error) {
	sealed, err := s.vault.Seal(base64.StdEncoding.EncodeToString(fileKey), s.about())
	if err != nil {
		return nil, err
	}
	return []*age.Stanza{{Type: stanza, Body: []byte(sealed)}}, nil
}

// Unwrap opens it again.
func (s *sealer) Unwrap(stanzas []*age.Stanza) ([]byte, error) {
	if len(stanzas) != 1 || stanzas[0].Type != stanza {
		return nil, fmt.Errorf("%w: it was not sealed by this program", age.ErrIncorrectIdentity)
	}
	text, err := s.vault.Open(string(stanzas[0].Body), s.about())
	if err != nil {
		return nil, err
	}
	return base64.StdEncoding.DecodeString(text)
}

func (s *sealer) about() string { return "blob|" + s.name }
