package notify

import (
	"context"
	"database/sql"
	"encoding/base64"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"time"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/store"
	"housecall/platform/typed"
)

// endpoint is an endpoint's row.
type endpoint struct {
	Endpoint
	url, secret, old string // sealed
	oldUntil         time.Time
}

const selectEndpoint = `SELECT id, url, about, types, secret, old_secret, old_until, created_at, COALESCE(disabled_at, 0), reason FROM notify_endpoints`

func scanEndpoint(r *sql.Rows) (p endpoint, err error) {
	var types string
	var oldUntil, created, disabled int64
	err = r.Scan(&p.ID, &p.url, &p.About, &types, &p.secret, &p.old, &oldUntil, &created, &disabled, &p.Reason)
	p.Types, p.oldUntil, p.Created, p.Disabled = strings.Fields(types), store.Time(oldUntil), store.Time(created), store.Time(disabled)
	return p, err
}

func (p endpoint) wants(eventType string) bool {
	return len(p.Types) == 0 || slices.Contains(p.Types, eventType)
}

// endpointPlace is where a part of an endpoint is sealed for.
func endpointPlace(id, part string) string { return "endpoint|" + id + "|" + part }

// judgeEndpoint says what is wrong with an endpoint that somebody asks for.
func (w *Webhooks) judgeEndpoint(p Endpoint) error {
	var wrong []fault.Field
	u, err := url.Parse(p.URL)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" || len(p.URL) > maxURL || (u.Scheme != "https" && (u.Scheme != "http" || len(w.Allow) == 0)) {
		wrong = append(wrong, fault.Field{Field: "url", Key: "odd", Detail: "must be an address that begins with https://, without user and password"})
	} else if w.networks.allowHost(u.Scheme == "https", u.Hostname()) != nil {
		wrong = append(wrong, fault.Field{Field: "url", Key: "private", Detail: "must not be an address of this machine or a private network, unless the server allows that with --webhook-allow"})
	}
	if len(p.About) > maxAbout || !store.Keeps(p.About) {
		wrong = append(wrong, fault.Field{Field: "about", Key: "long", Detail: fmt.Sprintf("must have at most %d bytes", maxAbout)})
	}
	if slices.ContainsFunc(p.Types, func(t string) bool { return !eventType.MatchString(t) || w.Kinds != nil && w.kind(t) < 0 }) {
		wrong = append(wrong, fault.Field{Field: "types", Key: "odd", Detail: "must be types of events, as visit.created"})
	}
	return fault.InvalidAll(wrong...)
}

// Create makes an endpoint of URL, About and Types, and tells its secret, this once. What is wrong is fault.NotValid.
func (w *Webhooks) Create(ctx context.Context, actor auth.Actor, p Endpoint) (made Endpoint, secret string, err error) {
	p.ID, p.Created, p.Disabled, p.Reason = store.NewID(), w.Now(), time.Time{}, ""
	p.About = strings.TrimSpace(typed.Prose(p.About))
	sealedURL, err := w.Vault.Seal(p.URL, endpointPlace(p.ID, "url"))
	if err != nil {
		return Endpoint{}, "", err
	}
	secret, sealed, err := w.newSecret(p.ID)
	if err != nil {
		return Endpoint{}, "", err
	}
	err = w.act(ctx, actor, "webhook.create", p.ID, func(tx *store.Tx) error {
		if err := w.judgeEndpoint(p); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO notify_endpoints (id, url, about, types, secret, old_secret, old_until, created_at, reason) VALUES (?, ?, ?, ?, ?, '', 0, ?, '')`,
			p.ID, sealedURL, p.About, strings.Join(p.Types, " "), sealed, store.Millis(p.Created))
		return err
	})
	if err != nil {
		return Endpoint{}, "", err
	}
	return p, secret, nil
}

// newSecret makes a secret, as receivers want it and as it is kept.
func (w *Webhooks) newSecret(endpoint string) (secret, sealed string, err error) {
	b := make([]byte, secretSize)
	if _, err := io.ReadFull(w.Random, b); err != nil {
		return "", "", fmt.Errorf("make a secret: %w", err)
	}
	secret = "whsec_" + base64.StdEncoding.EncodeToString(b)
	sealed, err = w.Vault.Seal(secret, endpointPlace(endpoint, "secret"))
	return secret, sealed, err
}

// Rotate gives an endpoint another secret, and tells it, this once. The old one signs beside it for a day. Errors: fault.NotFound.
func (w *Webhooks) Rotate(ctx context.Context, actor auth.Actor, id string) (secret string, err error) {
	secret, sealed, err := w.newSecret(id)
	if err != nil {
		return "", err
	}
	err = w.act(ctx, actor, "webhook.rotate", id, func(tx *store.Tx) error {
		return changed(ctx, tx, `UPDATE notify_endpoints SET old_secret = secret, old_until = ?, secret = ? WHERE id = ?`, store.Millis(w.Now().Add(oldSecretFor)), sealed, id)
	})
	if err != nil {
		return "", err
	}
	return secret, nil
}

// Disable has an endpoint get nothing until it is enabled. Errors: fault.NotFound.
func (w *Webhooks) Disable(ctx context.Context, actor auth.Actor, id string) error {
	return w.act(ctx, actor, "webhook.disable", id, func(tx *store.Tx) error {
		return changed(ctx, tx, `UPDATE notify_endpoints SET disabled_at = ?, reason = 'by hand' WHERE id = ?`, store.Millis(w.Now()), id)
	})
}

// Enable has an endpoint get what happens from now on; Replay brings it what it has missed. Errors: fault.NotFound.
func (w *Webhooks) Enable(ctx context.Context, actor auth.Actor, id string) error {
	return w.act(ctx, actor, "webhook.enable", id, func(tx *store.Tx) error {
		return changed(ctx, tx, `UPDATE notify_endpoints SET disabled_at = NULL, reason = '' WHERE id = ?`, id)
	})
}

// Remove forgets an endpoint and what was sent to it. Errors: fault.NotFound.
func (w *Webhooks) Remove(ctx context.Context, actor auth.Actor, id string) error {
	return w.act(ctx, actor, "webhook.remove", id, func(tx *store.Tx) error {
		return changed(ctx, tx, `DELETE FROM notify_endpoints WHERE id = ?`, id)
	})
}

// Endpoints lists all endpoints, the oldest first.
func (w *Webhooks) Endpoints(ctx context.Context) ([]Endpoint, error) {
	rows, err := store.Collect(ctx, w.DB, scanEndpoint, selectEndpoint+` ORDER BY id`)
	if err != nil {
		return nil, fmt.Errorf("list endpoints: %w", err)
	}
	all := make([]Endpoint, len(rows))
	for i, p := range rows {
		if p.URL, err = w.Vault.Open(p.url, endpointPlace(p.ID, "url")); err != nil {
			return nil, fmt.Errorf("list endpoints: %w", err)
		}
		all[i] = p.Endpoint
	}
	return all, nil
}
