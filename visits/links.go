package visits

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"housecall/auth"
	"housecall/platform/store"
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

// Resend returns a person's link again. With newLink it is another link: the old one stops working, whoever came by it is cut off, and
// wrong dates of birth are forgiven.
func (s *Service) Resend(ctx context.Context, actor auth.Actor, visit, invitation string, newLink bool) (Link, error) {
	return s.ResendIf(ctx, actor, visit, invitation, newLink, anyVisit)
}

// ResendIf is Resend for somebody of a visit that is right as it is, which judge says within the act.
func (s *Service) ResendIf(ctx context.Context, actor auth.Actor, visit, invitation string, newLink bool, judge func(Visit) error) (Link, error) {
	var i Invitation
	err := s.act(ctx, actor, "invitation.resend", auth.VisitSchedule, store.About("invitation", invitation), func(tx *store.Tx, a *store.Act) error {
		whole, err := s.visitWhole(ctx, tx, visit)
		if err != nil {
			return err
		}
		if err := judge(whole); err != nil {
			return err
		}
		v, held, err := s.standing(ctx, tx, visit, invitation)
		if err != nil {
			return err
		}
		if i = held; !newLink {
			a.Detail = "same link"
			return s.changed(ctx, tx, ChangeLinkShown, v, i.ID)
		}
		a.Detail = "new link"
		i.Generation++
		i.Locked = false
		if _, err := tx.ExecContext(ctx, `UPDATE invitations SET generation = ?, tries = 0 WHERE id = ?`, i.Generation, i.ID); err != nil {
			return fmt.Errorf("renew a link: %w", err)
		}
		if err := s.insertCode(ctx, tx, i); err != nil {
			return err
		}
		if err := insertRemoval(ctx, tx, visit, i.ID, s.now()); err != nil {
			return err
		}
		return s.changed(ctx, tx, ChangeLinkRenewed, v, i.ID)
	})
	if s.wake(err) != nil {
		return Link{}, err
	}
	return Link{Invitation: i, URL: s.linkURL(i.ID, i.Generation)}, nil
}

// Withdraw takes one invitation back: its link stops working and whoever came by it is cut off. Doing so twice changes nothing.
func (s *Service) Withdraw(ctx context.Context, actor auth.Actor, visit, invitation string) error {
	return s.WithdrawIf(ctx, actor, visit, invitation, anyVisit)
}

// WithdrawIf is Withdraw for somebody of a visit that is right as it is, which judge says within the act.
func (s *Service) WithdrawIf(ctx context.Context, actor auth.Actor, visit, invitation string, judge func(Visit) error) error {
	return s.wake(s.act(ctx, actor, "invitation.revoke", auth.VisitRevoke, store.About("invitation", invitation), func(tx *store.Tx, _ *store.Act) error {
		v, err := s.visitWhole(ctx, tx, visit)
		if err != nil {
			return err
		}
		if err := judge(v); err != nil {
			return err
		}
		return s.withdraw(ctx, tx, v, invitation)
	}))
}

// withdraw takes an invitation back within an act.
func (s *Service) withdraw(ctx context.Context, tx *store.Tx, v Visit, invitation string) error {
	i, err := invitationRow(ctx, tx, v.ID, invitation)
	if err != nil || i.Revoked() {
		return err
	}
	now := s.now()
	if _, err := tx.ExecContext(ctx, `UPDATE invitations SET revoked_at = ? WHERE id = ?`, store.Millis(now), i.ID); err != nil {
		return fmt.Errorf("withdraw an invitation: %w", err)
	}
	if err := insertRemoval(ctx, tx, v.ID, i.ID, now); err != nil {
		return err
	}
	return s.changed(ctx, tx, ChangeRevoked, v, i.ID)
}
