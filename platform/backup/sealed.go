package backup

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"filippo.io/age"
)

// ageIntro begins every file that age encrypted.
const ageIntro = "age-encryption.org/"

// Recipients are who may read a backup, each as a line "age1…".
func Recipients(lines []string) ([]age.Recipient, error) {
	if len(lines) == 0 {
		return nil, nil
	}
	return age.ParseRecipients(strings.NewReader(strings.Join(lines, "\n")))
}

// Identities reads the file with the keys of recipients, as age-keygen writes it. "" has none.
func Identities(path string) ([]age.Identity, error) {
	if path == "" {
		return nil, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	identities, err := age.ParseIdentities(f)
	return identities, errors.Join(err, f.Close())
}

// opened gives what a file is of, whether it is encrypted or not. Closing it closes the file.
func opened(file io.ReadCloser, identities []age.Identity) (io.ReadCloser, error) {
	whole := bufio.NewReader(file)
	begins, _ := whole.Peek(len(ageIntro)) // an error comes again when it is read
	if string(begins) != ageIntro {
		if len(identities) > 0 {
			return nil, errors.New("it is not encrypted")
		}
		return &closing{whole, file}, nil
	}
	if len(identities) == 0 {
		return nil, errors.New("it is encrypted: say with --identity which file has the key")
	}
	plain, err := age.Decrypt(whole, identities...)
	if others := (*age.NoIdentityMatchError)(nil); errors.As(err, &others) {
		return nil, errors.New("it is encrypted for others than those of --identity")
	}
	if err != nil {
		return nil, fmt.Errorf("it is damaged: %w", err)
	}
	return &closing{plain, file}, nil
}

type closing struct {
	io.Reader
	io.Closer
}
