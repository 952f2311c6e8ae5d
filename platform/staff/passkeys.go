package staff

import (
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/store"
	"housecall/platform/typed"
)

const (
	maxPasskeys    = 20       // of one account
	maxPasskeyName = 60       // characters
	maxCredential  = 32 << 10 // bytes of what a browser answers
)

// errPasskey is one answer for a passkey that is unknown, of another account, or did not prove itself.
var errPasskey = fault.InvalidAll(fault.Field{Field: "passkey", Key: "wrong", Detail: "did not work"})

// errPasskeyName says that a passkey needs a name that its owner knows it by.
var errPasskeyName = fault.InvalidAll(fault.Field{Field: "name", Key: "passkey", Detail: "must say which device it is"})

// newRelyingParty prepares for passkeys; nil where the address people use can have none: they belong to a name, not to a number.
func newRelyingParty(publicURL, site string) (*webauthn.WebAuthn, error) {
	u, err := url.Parse(publicURL)
	if err != nil || u.Hostname() == "" {
		return nil, nil
	}
	if _, err := netip.ParseAddr(u.Hostname()); err == nil {
		return nil, nil
	}
	if u.Scheme != "https" && u.Hostname() != "localhost" {
		return nil, nil
	}
	rp, err := webauthn.New(&webauthn.Config{RPID: u.Hostname(), RPDisplayName: site, RPOrigins: []string{u.Scheme + "://" + u.Host},
		AttestationPreference: protocol.PreferNoAttestation,
		AuthenticatorSelection: protocol.AuthenticatorSelection{ResidentKey: protocol.ResidentKeyRequirementPreferred,
			UserVerification: protocol.VerificationPreferred}})
	if err != nil {
		return nil, fmt.Errorf("prepare for passkeys: %w", err)
	}
	return rp, nil
}

// owner is an account as WebAuthn sees it. Its handle is the account's id, which says nothing of the person.
type owner struct {
	Account
	passkeys []webauthn.Credential
}

func (o owner) WebAuthnID() []byte                         { return []byte(o.ID) }
func (o owner) WebAuthnName() string                       { return o.Email.Reveal() }
func (o owner) WebAuthnDisplayName() string                { return o.Name.Reveal() }
func (o owner) WebAuthnCredentials() []webauthn.Credential { return o.passkeys }

// passkey is one as its owner sees it.
type passkey struct {
	ID      string
	Name    string
	Created time.Time
	Used    time.Time
	record  webauthn.Credential
}

func (a *Accounts) passkeys(ctx context.Context, q store.Queryer, account string) ([]passkey, error) {
	all, err := store.Collect(ctx, q, func(rows *sql.Rows) (k passkey, err error) {
		var record string
		var created, used int64
		if err := rows.Scan(&k.ID, &k.Name, &record, &created, &used); err != nil {
			return k, err
		}
		k.Created, k.Used = store.Time(created), store.Time(used)
		return k, json.Unmarshal([]byte(record), &k.record)
	}, `SELECT id, name, record, created_at, used_at FROM staff_passkeys WHERE account_id = ? ORDER BY id`, account)
	if err != nil {
		return nil, fmt.Errorf("list passkeys: %w", err)
	}
	return all, nil
}

func (a *Accounts) owner(ctx context.Context, q store.Queryer, id string) (owner, error) {
	account, err := a.account(ctx, q, id)
	if err != nil {
		return owner{}, err
	}
	all, err := a.passkeys(ctx, q, id)
	o := owner{Account: account}
	for _, k := range all {
		o.passkeys = append(o.passkeys, k.record)
	}
	return o, err
}

// beginPasskey makes the challenge by which the browser adds a passkey.
func (a *Accounts) beginPasskey(ctx context.Context, session string, account Account) (options *protocol.CredentialCreation, err error) {
	if a.relying == nil {
		return nil, fault.NotFound
	}
	err = a.DB.Tx(ctx, func(tx *store.Tx) error {
		o, err := a.owner(ctx, tx, account.ID)
		if err != nil {
			return err
		}
		if len(o.passkeys) >= maxPasskeys {
			return &fault.Problem{Code: fault.CodeConflict, Kind: fault.NotValid, Detail: "There are too many passkeys. Remove one first."}
		}
		made, data, err := a.relying.BeginRegistration(o, webauthn.WithExclusions(webauthn.Credentials(o.passkeys).CredentialDescriptors()))
		if err != nil {
			return fmt.Errorf("begin a passkey: %w", err)
		}
		options = made
		return a.putChallenge(ctx, tx, session, stepRegister, account.ID, data)
	})
	return options, err
}

func (a *Accounts) putChallenge(ctx context.Context, tx *store.Tx, token, kind, account string, data *webauthn.SessionData) error {
	b, err := json.Marshal(data)
	if err != nil {
		return fmt.Errorf("keep a challenge: %w", err)
	}
	return a.putStep(ctx, tx, token, kind, step{account, string(b)})
}

// addPasskey keeps the passkey that the browser made. With the first second factor come recovery codes, told once, here. Errors: errPasskey.
func (a *Accounts) addPasskey(ctx context.Context, session string, account Account, name, credential string) (recovery []string, err error) {
	if a.relying == nil {
		return nil, fault.NotFound
	}
	name = typed.Line(name)
	if key, _ := typed.CheckName(name, maxPasskeyName); key != "" {
		return nil, errPasskeyName
	}
	if len(credential) > maxCredential {
		return nil, errPasskey
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes([]byte(credential))
	if err != nil {
		return nil, errPasskey
	}
	err = a.DB.Tx(ctx, func(tx *store.Tx) error {
		s, err := a.takeStep(ctx, tx, session, stepRegister)
		if errors.Is(err, errNoStep) || err == nil && s.Account != account.ID {
			return errPasskey
		}
		if err != nil {
			return err
		}
		var data webauthn.SessionData
		if err := json.Unmarshal([]byte(s.Data), &data); err != nil {
			return fmt.Errorf("read a challenge: %w", err)
		}
		o, err := a.owner(ctx, tx, account.ID)
		if err != nil {
			return err
		}
		made, err := a.relying.CreateCredential(o, data, parsed)
		if err != nil {
			return errPasskey
		}
		record, err := json.Marshal(made)
		if err != nil {
			return fmt.Errorf("keep a passkey: %w", err)
		}
		now := store.Millis(a.Now())
		res, err := tx.ExecContext(ctx, `INSERT INTO staff_passkeys (id, account_id, credential_id, record, name, created_at, used_at) VALUES (?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT (credential_id) DO NOTHING`, store.NewID(), account.ID, credentialID(made.ID), string(record), name, now, now)
		if err := one(res, err, "keep a passkey"); errors.Is(err, fault.NotFound) {
			return errPasskey
		} else if err != nil {
			return err
		}
		recovery, err = a.addedFactor(ctx, tx, account, session, "passkey")
		return err
	})
	return recovery, err
}

func credentialID(id []byte) string { return base64.RawURLEncoding.EncodeToString(id) }

// removePasskey takes one away.
func (a *Accounts) removePasskey(ctx context.Context, actor auth.Actor, id string) error {
	return a.DB.Tx(ctx, func(tx *store.Tx) error {
		res, err := tx.ExecContext(ctx, `DELETE FROM staff_passkeys WHERE id = ? AND account_id = ?`, id, actor.ID)
		if err := one(res, err, "take a passkey away"); err != nil {
			return err
		}
		return a.removedFactor(ctx, tx, actor, actor.ID, "passkey")
	})
}

// askPasskey makes the challenge by which a passkey shows whose it is: of one account, or with none given of whoever holds it, who must then be
// verified by their device (a finger, a face, a PIN), since nothing else is asked for.
func (a *Accounts) askPasskey(ctx context.Context, token, account string) (options *protocol.CredentialAssertion, err error) {
	if a.relying == nil {
		return nil, fault.NotFound
	}
	err = a.DB.Tx(ctx, func(tx *store.Tx) error {
		var data *webauthn.SessionData
		if account == "" {
			options, data, err = a.relying.BeginDiscoverableLogin(webauthn.WithUserVerification(protocol.VerificationRequired))
		} else {
			var o owner
			if o, err = a.owner(ctx, tx, account); err != nil {
				return err
			}
			if len(o.passkeys) == 0 {
				return fault.NotFound
			}
			options, data, err = a.relying.BeginLogin(o)
		}
		if err != nil {
			return fmt.Errorf("ask for a passkey: %w", err)
		}
		return a.putChallenge(ctx, tx, token, stepPasskey, account, data)
	})
	return options, err
}

// provePasskey checks the answer to askPasskey, once, and tells whose passkey it is. account is the one that was asked for, or empty. Errors: errPasskey.
func (a *Accounts) provePasskey(ctx context.Context, tx *store.Tx, token, account, credential string) (Account, error) {
	s, err := a.takeStep(ctx, tx, token, stepPasskey)
	if errors.Is(err, errNoStep) || err == nil && s.Account != account || len(credential) > maxCredential || a.relying == nil {
		return Account{}, errPasskey
	}
	if err != nil {
		return Account{}, err
	}
	var data webauthn.SessionData
	if err := json.Unmarshal([]byte(s.Data), &data); err != nil {
		return Account{}, fmt.Errorf("read a challenge: %w", err)
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes([]byte(credential))
	if err != nil {
		return Account{}, errPasskey
	}
	if account == "" {
		if account = string(parsed.Response.UserHandle); !store.Keeps(account) {
			return Account{}, errPasskey
		}
	}
	o, err := a.owner(ctx, tx, account)
	if errors.Is(err, fault.NotFound) || err == nil && !o.Disabled.IsZero() {
		return Account{}, errPasskey
	}
	if err != nil {
		return Account{}, err
	}
	var used *webauthn.Credential
	if s.Account == "" {
		_, used, err = a.relying.ValidatePasskeyLogin(func([]byte, []byte) (webauthn.User, error) { return o, nil }, data, parsed)
	} else {
		used, err = a.relying.ValidateLogin(o, data, parsed)
	}
	if err != nil || used.Authenticator.CloneWarning { // a counter that went back: somebody has a copy of the key
		return Account{}, errPasskey
	}
	record, err := json.Marshal(used)
	if err != nil {
		return Account{}, fmt.Errorf("keep a passkey: %w", err)
	}
	res, err := tx.ExecContext(ctx, `UPDATE staff_passkeys SET record = ?, used_at = ? WHERE credential_id = ? AND account_id = ?`,
		string(record), store.Millis(a.Now()), credentialID(used.ID), o.ID)
	return o.Account, one(res, err, "keep a passkey")
}
