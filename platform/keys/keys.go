// Package keys keeps the program's secret keys: one master key in a file, and the others in SQL, wrapped by it.
// The file and the table own the keys; a Ring is a copy of them in memory, read once and never changed.
// It must never write an unwrapped key anywhere but into the master key's own file, and never make a new master key over wrapped ones.
package keys

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"embed"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"

	"housecall/platform/store"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// The purposes keys are made for; each has at least one key.
const (
	purposeLink  = "link"  // 32 bytes, HMAC-SHA256 of visit links
	purposePass  = "pass"  // 32 bytes, the seed of an Ed25519 key
	purposeChat  = "chat"  // 32 bytes, AES-256 of what is said in visits
	purposeRelay = "relay" // 32 bytes, HMAC-SHA256 of credentials for the relay
	purposeTLS   = "tls"   // 32 bytes, AES-256 of the private keys of TLS certificates
	purposeMail  = "mail"  // 32 bytes, AES-256 of whom messages go to, and of the secrets of webhooks
	purposeBlob  = "blob"  // 32 bytes, AES-256 of the keys of blobs, each of which has its own
	purposeStaff = "staff" // 32 bytes, AES-256 of the secrets of second factors
	purposeNotes = "notes" // 32 bytes, AES-256 of what is written down of visits
	purposeAPI   = "api"   // 32 bytes, AES-256 of what programs were answered
)

const keySize = 32 // bytes, of every key here

// ErrMasterKey says that the master key is not the one the database's keys were wrapped with.
var ErrMasterKey = errors.New("the master key does not fit this database")

// Ring holds the unwrapped keys.
type Ring struct {
	link    []byte
	relay   []byte
	signing string                        // kid of the newest pass key
	passes  map[string]ed25519.PrivateKey // by kid
	chat    Vault
	nodes   []byte // derived from the master key
	audit   ed25519.PrivateKey
	tls     Vault
	mail    Vault
	blobs   Vault
	staff   Vault
	notes   Vault
	api     Vault
}

// Migrations are those of this package's tables.
func Migrations() fs.FS { return store.Folder(migrationFiles, "migrations") }

// Open reads the master key at masterPath and unwraps the keys in db. On a database without keys it makes them, and the master key's file
// too when there is none. Two processes may do so at once.
func Open(ctx context.Context, db *store.DB, masterPath string) (*Ring, error) {
	if err := db.Migrate(ctx, "keys", Migrations()); err != nil {
		return nil, err
	}
	ring := &Ring{passes: map[string]ed25519.PrivateKey{}}
	err := db.Tx(ctx, func(tx *store.Tx) error {
		rows, err := store.Collect(ctx, tx, scanKey, `SELECT id, purpose, wrapped FROM keys ORDER BY id`)
		if err != nil {
			return err
		}
		master, err := openMaster(masterPath, len(rows) == 0)
		if err != nil {
			return err
		}
		w, err := newWrapper(master)
		if err != nil {
			return err
		}
		for _, purpose := range []string{purposeLink, purposePass, purposeChat, purposeRelay, purposeTLS, purposeMail, purposeBlob, purposeStaff, purposeNotes, purposeAPI} {
			if slices.ContainsFunc(rows, func(k wrappedKey) bool { return k.purpose == purpose }) {
				continue
			}
			k, err := makeKey(ctx, tx, w, purpose)
			if err != nil {
				return err
			}
			rows = append(rows, k)
		}
		if ring.nodes, err = hkdf.Key(sha256.New, master, nil, "housecall/nodes/1", keySize); err != nil {
			return fmt.Errorf("derive the nodes' key: %w", err)
		}
		if ring.audit, err = Audit(master); err != nil {
			return err
		}
		return ring.fill(w, rows, masterPath)
	})
	if err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	return ring, nil
}

// Check says whether the master key at masterPath is the one for db, and changes nothing. ErrMasterKey: it is not, or it is missing. An fs.ErrNotExist that is no
// ErrMasterKey: there is none yet, and db needs none.
func Check(ctx context.Context, db *store.DB, masterPath string) error {
	var rows []wrappedKey
	err := db.Snapshot(ctx, func(tx *store.Tx) error {
		versions, err := tx.Versions(ctx)
		if _, made := versions["keys"]; err != nil || !made {
			return err
		}
		rows, err = store.Collect(ctx, tx, scanKey, `SELECT id, purpose, wrapped FROM keys ORDER BY id`)
		return err
	})
	if err != nil {
		return fmt.Errorf("keys: %w", err)
	}
	master, err := readMaster(masterPath)
	if errors.Is(err, fs.ErrNotExist) && len(rows) > 0 {
		return missing(masterPath)
	}
	if err != nil {
		return err
	}
	w, err := newWrapper(master)
	if err != nil {
		return err
	}
	return (&Ring{passes: map[string]ed25519.PrivateKey{}}).fill(w, rows, masterPath)
}

// Link returns the HMAC key of visit links.
func (r *Ring) Link() []byte { return slices.Clone(r.link) }

// Relay returns the HMAC key of credentials for the relay.
func (r *Ring) Relay() []byte { return slices.Clone(r.relay) }

// Passes returns the key that signs passes now, and its name.
func (r *Ring) Passes() (kid string, key ed25519.PrivateKey) {
	return r.signing, r.passes[r.signing]
}

// Chat seals what is said in visits.
func (r *Ring) Chat() Vault { return r.chat }

// Nodes returns the secret by which nodes with the same master key know each other.
func (r *Ring) Nodes() []byte { return slices.Clone(r.nodes) }

// Audit returns the key that signs checkpoints of the audit log.
func (r *Ring) Audit() ed25519.PrivateKey { return r.audit }

// Audit derives from the master key the one that signs checkpoints of the audit log. It stands nowhere in the database: whoever may write there could put
// another in its place.
func Audit(master []byte) (ed25519.PrivateKey, error) {
	seed, err := hkdf.Key(sha256.New, master, nil, "housecall/audit/1", ed25519.SeedSize)
	if err != nil {
		return nil, fmt.Errorf("derive the audit's key: %w", err)
	}
	return ed25519.NewKeyFromSeed(seed), nil
}

// TLS seals the private keys of TLS certificates.
func (r *Ring) TLS() Vault { return r.tls }

// Mail seals whom messages go to, and the secrets of webhooks.
func (r *Ring) Mail() Vault { return r.mail }

// Blobs seals the keys of blobs.
func (r *Ring) Blobs() Vault { return r.blobs }

// Staff seals the secrets of second factors.
func (r *Ring) Staff() Vault { return r.staff }

// Notes seals what is written down of visits: notes, summaries, answers to the survey.
func (r *Ring) Notes() Vault { return r.notes }

// API seals what programs were answered, which may hold links.
func (r *Ring) API() Vault { return r.api }

// PassKey returns the public key that checks passes signed under kid.
func (r *Ring) PassKey(kid string) (ed25519.PublicKey, bool) {
	key, ok := r.passes[kid]
	if !ok {
		return nil, false
	}
	return key.Public().(ed25519.PublicKey), true
}

// fill unwraps the rows, oldest first (their ids sort by time), so that the newest key of a purpose is the one in use.
func (r *Ring) fill(w wrapper, rows []wrappedKey, masterPath string) error {
	for _, row := range rows {
		key, err := w.unwrap(row)
		if err != nil {
			return fmt.Errorf("%w: key file %s, key %s: %w", ErrMasterKey, masterPath, row.id, err)
		}
		switch row.purpose {
		case purposeLink:
			r.link = key
		case purposeRelay:
			r.relay = key
		case purposePass:
			r.signing = row.id
			r.passes[row.id] = ed25519.NewKeyFromSeed(key)
		case purposeStaff:
			if err := r.staff.add(row.id, key); err != nil {
				return err
			}
		case purposeNotes:
			if err := r.notes.add(row.id, key); err != nil {
				return err
			}
		case purposeAPI:
			if err := r.api.add(row.id, key); err != nil {
				return err
			}
		case purposeChat:
			if err := r.chat.add(row.id, key); err != nil {
				return err
			}
		case purposeTLS:
			if err := r.tls.add(row.id, key); err != nil {
				return err
			}
		case purposeMail:
			if err := r.mail.add(row.id, key); err != nil {
				return err
			}
		case purposeBlob:
			if err := r.blobs.add(row.id, key); err != nil {
				return err
			}
		}
	}
	return nil
}

// wrappedKey is a row of the table.
type wrappedKey struct{ id, purpose, wrapped string }

func scanKey(rows *sql.Rows) (k wrappedKey, err error) {
	err = rows.Scan(&k.id, &k.purpose, &k.wrapped)
	return k, err
}

func makeKey(ctx context.Context, tx *store.Tx, w wrapper, purpose string) (wrappedKey, error) {
	key := make([]byte, keySize)
	if _, err := io.ReadFull(rand.Reader, key); err != nil {
		return wrappedKey{}, fmt.Errorf("make a %s key: %w", purpose, err)
	}
	k := wrappedKey{id: store.NewID(), purpose: purpose}
	var err error
	if k.wrapped, err = w.wrap(k, key); err != nil {
		return wrappedKey{}, err
	}
	if _, err = tx.ExecContext(ctx, `INSERT INTO keys (id, purpose, wrapped) VALUES (?, ?, ?)`,
		k.id, k.purpose, k.wrapped); err != nil {
		return wrappedKey{}, fmt.Errorf("keep the %s key: %w", purpose, err)
	}
	return k, nil
}

// wrapper seals keys with the master key. The purpose and the id are bound in, so that rows cannot be swapped.
type wrapper struct{ aead cipher.AEAD }

func newWrapper(master []byte) (wrapper, error) {
	block, err := aes.NewCipher(master)
	if err != nil {
		return wrapper{}, fmt.Errorf("master key: %w", err)
	}
	// The nonce is random and in front of the ciphertext; a master key wraps far fewer than 2^32 keys (SP 800-38D, section 8.3).
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return wrapper{}, fmt.Errorf("master key: %w", err)
	}
	return wrapper{aead}, nil
}

func (w wrapper) wrap(k wrappedKey, key []byte) (string, error) {
	if len(key) != keySize {
		return "", fmt.Errorf("wrap a %s key of %d bytes", k.purpose, len(key))
	}
	sealed := w.aead.Seal(nil, nil, key, k.aad()) // #nosec G407 -- this AEAD makes its own random nonce
	return base64.StdEncoding.EncodeToString(sealed), nil
}

func (w wrapper) unwrap(k wrappedKey) ([]byte, error) {
	sealed, err := base64.StdEncoding.DecodeString(k.wrapped)
	if err != nil {
		return nil, err
	}
	key, err := w.aead.Open(nil, nil, sealed, k.aad())
	if err != nil {
		return nil, err
	}
	if len(key) != keySize {
		return nil, fmt.Errorf("%d bytes long", len(key))
	}
	return key, nil
}

func (k wrappedKey) aad() []byte { return []byte("housecall/keys/1|" + k.purpose + "|" + k.id) }
