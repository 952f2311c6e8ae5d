package keys_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"housecall/platform/keys"
	"housecall/platform/store"
	"housecall/platform/store/storetest"
)

func TestVault(t *testing.T) {
	db, master := storetest.Open(t, storetest.URL(t), store.Options{}), filepath.Join(t.TempDir(), "master.key")
	const text, about = "Canary", "visit|session|line"
	sealed, err := ring(t, db, master).Chat().Seal(text, about)
	if err != nil {
		t.Fatal(err)
	}
	vault := ring(t, db, master).Chat() // after a restart
	if again, err := vault.Seal(text, about); err != nil || again == sealed || strings.Contains(again, text) {
		t.Errorf("sealed as %q, %v", again, err)
	}
	if got, err := vault.Open(sealed, about); err != nil || got != text {
		t.Errorf("opened %q, %v", got, err)
	}
	stranger := ring(t, storetest.Open(t, storetest.URL(t), store.Options{}), filepath.Join(t.TempDir(), "master.key")).Chat()
	id, body, _ := strings.Cut(sealed, ".")
	for name, open := range map[string]func() (string, error){
		"elsewhere":             func() (string, error) { return vault.Open(sealed, "visit|session|another") },
		"with another ring":     func() (string, error) { return stranger.Open(sealed, about) },
		"cut short":             func() (string, error) { return vault.Open(sealed[:len(sealed)-8], about) },
		"changed":               func() (string, error) { return vault.Open(id+".AAAA"+body[4:], about) },
		"no base64":             func() (string, error) { return vault.Open(id+".%", about) },
		"empty":                 func() (string, error) { return vault.Open("", about) },
		"with no ring whatever": func() (string, error) { return keys.Vault{}.Open(sealed, about) },
	} {
		if got, err := open(); !errors.Is(err, keys.ErrSealed) || got != "" {
			t.Errorf("%s: opened %q, %v", name, got, err)
		}
	}
	if _, err := (keys.Vault{}).Seal(text, about); err == nil {
		t.Error("sealed without a key")
	}
}
