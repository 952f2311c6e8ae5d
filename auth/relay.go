package auth

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// RelayLifetime is how long credentials for the relay are good: a client asks for new ones in time, or goes another way.
const RelayLifetime = 10 * time.Minute

// ErrRelay is the one error of refused credentials for the relay.
var ErrRelay = errors.New("the credentials for the relay were refused")

// Relay makes and checks credentials for the relay (TURN): a name that says until when and, as hashes, for whom, and a password that only
// the key makes of it. Nothing of them is kept anywhere.
type Relay struct {
	Key []byte // for HMAC-SHA256, the same on every node
	Now func() time.Time
}

// RelayCredentials are good for one session, until ExpiresAt.
type RelayCredentials struct {
	Username, Password string
	ExpiresAt          time.Time // to the millisecond
}

// RelayUser is what a name says. The fields of text are hashes, so that the name tells nobody who hears it whom it is for.
type RelayUser struct {
	Visit, Invitation, Session string
	Checked                    int64 // as given to Issue
	ExpiresAt                  time.Time
}

// Person names who may use how much: a browser's session.
func (u RelayUser) Person() string { return u.Invitation + "." + u.Session }

// Issue makes credentials for a session. checked is the number of the last removal when the session was checked: later ones may concern it.
func (r Relay) Issue(visit, invitation, session string, checked int64) RelayCredentials {
	expires := r.Now().Add(RelayLifetime).Truncate(time.Millisecond)
	name := fmt.Sprintf("%d:%d:%s.%s.%s", expires.UnixMilli(), checked, r.VisitTag(visit), r.InvitationTag(invitation), r.tag("session", session))
	return RelayCredentials{Username: name, Password: r.password(name), ExpiresAt: expires}
}

// Verify reads a name and gives the password that belongs to it; whoever asks must prove that they know it. A name that is not of the form that
// Issue makes, is out of date or good for too long is ErrRelay. Any name may be right in form: the password is what proves it.
func (r Relay) Verify(username string) (user RelayUser, password string, err error) {
	const longest = 2*(20+1) + 3*tagLength + 2
	fields := strings.Split(username, ":")
	if len(fields) != 3 || len(username) > longest {
		return RelayUser{}, "", ErrRelay
	}
	at, errAt := decimal(fields[0])
	checked, errChecked := decimal(fields[1])
	parts := strings.Split(fields[2], ".")
	if errAt != nil || errChecked != nil || len(parts) != 3 {
		return RelayUser{}, "", ErrRelay
	}
	for _, part := range parts {
		if len(part) != tagLength {
			return RelayUser{}, "", ErrRelay
		}
	}
	expires := time.UnixMilli(at)
	if left := expires.Sub(r.Now()); left <= 0 || left > RelayLifetime+PassLeeway {
		return RelayUser{}, "", ErrRelay
	}
	return RelayUser{Visit: parts[0], Invitation: parts[1], Session: parts[2], Checked: checked, ExpiresAt: expires}, r.password(username), nil
}

// decimal reads a number that is written as Issue writes it, and in no other way.
func decimal(s string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || strconv.FormatInt(n, 10) != s {
		return 0, ErrRelay
	}
	return n, nil
}

// VisitTag is what stands for a visit in names.
func (r Relay) VisitTag(visit string) string { return r.tag("visit", visit) }

// InvitationTag is what stands for an invitation in names.
func (r Relay) InvitationTag(invitation string) string { return r.tag("invitation", invitation) }

// NetworkTag is what stands for a client's network where a browser remembers it.
func (r Relay) NetworkTag(network string) string { return r.tag("network", network) }

// tagLength of hashes in names: 96 bits as base64url.
const tagLength = 16

func (r Relay) tag(kind, id string) string {
	return base64.RawURLEncoding.EncodeToString(r.mac(kind + "|" + id)[:12])
}

func (r Relay) password(username string) string {
	return base64.RawURLEncoding.EncodeToString(r.mac("password|" + username))
}

func (r Relay) mac(text string) []byte {
	h := hmac.New(sha256.New, r.Key)
	h.Write([]byte(text))
	return h.Sum(nil)
}
