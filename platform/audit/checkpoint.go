package audit

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Key signs checkpoints, and knows its own again. Checkpoints are of the form of https://c2sp.org/tlog-checkpoint.
type Key struct {
	name     string // of the log, which is the key's too
	signer   note.Signer
	verifier note.Verifier
}

const noteEd25519 = 1 // the algorithm's number in https://c2sp.org/signed-note

// NewKey makes a Key of a private key. The log's name is made of it, so that no two hospitals' are the same.
func NewKey(private ed25519.PrivateKey) (Key, error) {
	public, ok := private.Public().(ed25519.PublicKey)
	if !ok || len(private) != ed25519.PrivateKeySize {
		return Key{}, errors.New("audit: there is no key")
	}
	k := Key{name: "housecall/audit/" + hex.EncodeToString(public[:8])}
	id, err := note.NewEd25519VerifierKey(k.name, public)
	if err == nil {
		k.verifier, err = note.NewVerifier(id)
	}
	if err == nil {
		seed := base64.StdEncoding.EncodeToString(append([]byte{noteEd25519}, private.Seed()...))
		k.signer, err = note.NewSigner(fmt.Sprintf("PRIVATE+KEY+%s+%08x+%s", k.name, k.verifier.KeyHash(), seed))
	}
	if err != nil {
		return Key{}, fmt.Errorf("audit: the key: %w", err)
	}
	return k, nil
}

// sign makes the checkpoint of a tree.
func (k Key) sign(t tlog.Tree) (string, error) {
	signed, err := note.Sign(&note.Note{Text: fmt.Sprintf("%s\n%d\n%s\n", k.name, t.N, t.Hash)}, k.signer)
	if err != nil {
		return "", fmt.Errorf("audit: sign a checkpoint: %w", err)
	}
	return string(signed), nil
}

var errCheckpoint = errors.New("a checkpoint is not one of this log")

// open reads a checkpoint and checks its signature. Lines that others have added are let stand.
func (k Key) open(signed string) (tlog.Tree, error) {
	n, err := note.Open([]byte(signed), note.VerifierList(k.verifier))
	if err != nil {
		return tlog.Tree{}, fmt.Errorf("%w: %w", errCheckpoint, err)
	}
	lines := strings.SplitN(n.Text, "\n", 4)
	if len(lines) < 4 || lines[0] != k.name {
		return tlog.Tree{}, errCheckpoint
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 1 {
		return tlog.Tree{}, errCheckpoint
	}
	hash, err := tlog.ParseHash(lines[2])
	if err != nil {
		return tlog.Tree{}, fmt.Errorf("%w: %w", errCheckpoint, err)
	}
	return tlog.Tree{N: size, Hash: hash}, nil
}
