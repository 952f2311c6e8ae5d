package notify

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"database/sql"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"code.dny.dev/ssrf"
	"golang.org/x/net/idna"

	"housecall/platform/jobs"
	"housecall/platform/store"
)

const (
	// webhookWithin bounds a request; the specification proposes 15 to 30 seconds.
	webhookWithin = 20 * time.Second
	// webhookReads is how many bytes of an answer are read, so that its connection ends in order.
	webhookReads = 16 << 10
)

// wireServer is an address of the Internet's that Azure gives to the machines' own keeper.
var wireServer = netip.MustParsePrefix("168.63.129.16/32")

// errNotAllowed says that an address belongs to no network that webhooks may be sent to.
var errNotAllowed = errors.New("its network is not allowed")

// networks says which addresses webhooks may be sent to: those of the Internet, and of the networks that somebody has named.
type networks struct {
	named    []netip.Prefix
	internet *ssrf.Guardian
}

func newNetworks(named []netip.Prefix) networks {
	var v4, v6 []netip.Prefix
	for _, p := range named {
		if p.Addr().Is4() {
			v4 = append(v4, p)
		} else {
			v6 = append(v6, p)
		}
	}
	return networks{named, ssrf.New(ssrf.WithAnyPort(), ssrf.WithAllowedV4Prefixes(v4...), ssrf.WithAllowedV6Prefixes(v6...), ssrf.WithDeniedV4Prefixes(wireServer))}
}

// allow judges an address, given as dialers do: "tcp4" or "tcp6", and an IP address with a port. Without TLS only networks that somebody has named will do. The error is errNotAllowed.
func (n networks) allow(secure bool, network, address string) error {
	if secure {
		if n.internet.Safe(network, address, nil) != nil {
			return errNotAllowed
		}
		return nil
	}
	to, err := netip.ParseAddrPort(address)
	if err != nil || !slices.ContainsFunc(n.named, func(p netip.Prefix) bool { return p.Contains(to.Addr()) }) {
		return errNotAllowed
	}
	return nil
}

// allowHost judges what can be judged of a host before it is looked up: an IP address in any of its spellings, and names that are this machine wherever they are looked up (RFC 6761,
// section 6.3). Every other name is judged by the address that it has led to, each time something is sent.
func (n networks) allowHost(secure bool, host string) error {
	if ascii, err := idna.Lookup.ToASCII(host); err == nil { // as when it is sent to
		host = ascii
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	ips := []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()}
	if host != "localhost" && !strings.HasSuffix(host, ".localhost") {
		ip, is := numeric(host)
		if !is {
			return nil
		}
		ips = []netip.Addr{ip.Unmap()}
	}
	if !slices.ContainsFunc(ips, func(ip netip.Addr) bool {
		network := "tcp6"
		if ip.Is4() {
			network = "tcp4"
		}
		return n.allow(secure, network, netip.AddrPortFrom(ip, 443).String()) == nil
	}) {
		return errNotAllowed
	}
	return nil
}

// numeric is the IP address that a host is. Some resolvers read one of IPv4 in fewer parts than four, of which the last fills what is left, and in octal and hexadecimal parts
// (https://url.spec.whatwg.org/#concept-ipv4-parser): is holds for all that ends in a number, for no name does. No address: it is none in any spelling.
func numeric(host string) (ip netip.Addr, is bool) {
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip, true
	}
	parts := strings.Split(host, ".")
	last := parts[len(parts)-1]
	if _, err := strconv.ParseUint(last, 0, 64); err != nil && strings.Trim(last, "0123456789") != "" {
		return netip.Addr{}, false
	}
	var whole uint64
	for i, part := range parts {
		most := uint64(math.MaxUint8)
		if i == len(parts)-1 {
			most = math.MaxUint32 >> (8 * i)
		}
		number, err := strconv.ParseUint(part, 0, 32)
		if len(parts) > 4 || err != nil || number > most {
			return netip.Addr{}, true
		}
		if i < len(parts)-1 {
			number <<= 8 * (3 - i)
		}
		whole |= number
	}
	var bytes [4]byte
	binary.BigEndian.PutUint32(bytes[:], uint32(whole)) // #nosec G115 -- no part is larger than its place
	return netip.AddrFrom4(bytes), true
}

// guarded makes a client that connects to the addresses of these networks alone: judged when it dials, by the address that the name has
// led to. It follows nothing and uses no proxy, either of which would connect elsewhere.
func guarded(n networks) *http.Client {
	dialer := func(secure bool) *net.Dialer {
		return &net.Dialer{Timeout: webhookWithin, Control: func(network, address string, _ syscall.RawConn) error { return n.allow(secure, network, address) }}
	}
	return &http.Client{
		Timeout:       webhookWithin,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{DisableKeepAlives: true, DialContext: dialer(false).DialContext, DialTLSContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			return (&tls.Dialer{NetDialer: dialer(true), Config: &tls.Config{MinVersion: tls.VersionTLS12}}).DialContext(ctx, network, address)
		}},
	}
}

// parcel is a delivery with all that sending it needs.
type parcel struct {
	endpoint
	event, body string
	state       State
}

// deliver sends an event to an endpoint: the handler of its job. Receivers know by its id that they have it, so that it may be sent again whenever nobody knows.
func (w *Webhooks) deliver(ctx context.Context, j jobs.Job) error {
	all, err := store.Collect(ctx, w.DB, func(r *sql.Rows) (p parcel, err error) {
		var oldUntil, disabled int64
		err = r.Scan(&p.ID, &p.url, &p.secret, &p.old, &oldUntil, &disabled, &p.event, &p.body, &p.state)
		p.oldUntil, p.Disabled = store.Time(oldUntil), store.Time(disabled)
		return p, err
	}, `SELECT p.id, p.url, p.secret, p.old_secret, p.old_until, COALESCE(p.disabled_at, 0), e.id, e.body, d.state
		FROM notify_deliveries d JOIN notify_events e ON e.id = d.event_id JOIN notify_endpoints p ON p.id = d.endpoint_id WHERE d.id = ?`, j.Key)
	if err != nil || len(all) == 0 || all[0].state != Waiting {
		return err // nothing to do where the endpoint or the event is gone
	}
	p := all[0]
	if !p.Disabled.IsZero() {
		return w.record(ctx, j, p, Failed, "the endpoint is disabled")
	}
	err = w.post(ctx, p)
	var refused *refusal
	switch {
	case err == nil:
		return w.record(ctx, j, p, Sent, "")
	case !errors.As(err, &refused):
		return err // of ours, or the server stops
	case refused.permanent || j.Try >= webhookPolicy.Tries:
		return w.record(ctx, j, p, Failed, refused.reason)
	}
	if _, written := w.DB.ExecContext(ctx, `UPDATE notify_deliveries SET reason = ? WHERE id = ? AND state = 'waiting'`, refused.reason, j.Key); written != nil {
		return written
	}
	if refused.wait > 0 {
		return jobs.Later(refused.wait, err)
	}
	return err
}

// goneReason is the answer by which a receiver says that it wants nothing any more.
const goneReason = "the endpoint answered 410"

// record writes what became of a delivery, and completes its job.
func (w *Webhooks) record(ctx context.Context, j jobs.Job, p parcel, state State, reason string) error {
	err := w.DB.Tx(ctx, func(tx *store.Tx) error {
		if reason == goneReason {
			if _, err := tx.ExecContext(ctx, `UPDATE notify_endpoints SET disabled_at = ?, reason = 'it answered 410: gone' WHERE id = ? AND disabled_at IS NULL`,
				store.Millis(w.Now()), p.ID); err != nil {
				return err
			}
		}
		if _, err := tx.ExecContext(ctx, `UPDATE notify_deliveries SET state = ?, reason = ?, changed_at = ? WHERE id = ?`, string(state), reason, store.Millis(w.Now()), j.Key); err != nil {
			return err
		}
		return j.Done(ctx, tx)
	})
	if err != nil {
		return err
	}
	w.mu.Lock()
	w.ended[state]++
	w.mu.Unlock()
	if state == Failed {
		w.Logger.WarnContext(ctx, "a webhook was not delivered", "endpoint", p.ID, "delivery", j.Key, "reason", reason)
	}
	return nil
}

// post sends a parcel. A *refusal says why it was not taken; other errors are no answer about it.
func (w *Webhooks) post(ctx context.Context, p parcel) error {
	address, err := w.Vault.Open(p.url, endpointPlace(p.ID, "url"))
	if err != nil {
		return &refusal{reason: "its address can't be read", permanent: true}
	}
	signatures, err := w.sign(p)
	if err != nil {
		return &refusal{reason: "its secret can't be read", permanent: true}
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(p.body))
	if err != nil {
		return &refusal{reason: "its address can't be read", permanent: true}
	}
	r.Header = signatures
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "Housecall-Webhooks/1")
	answer, err := w.client.Do(r)
	switch {
	case errors.Is(err, errNotAllowed):
		return &refusal{reason: errNotAllowed.Error(), permanent: true}
	case err != nil && ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return &refusal{reason: "the endpoint was not reached"} // the error holds the address
	}
	defer answer.Body.Close()
	_, _ = io.CopyN(io.Discard, answer.Body, webhookReads) // what it says is of no use
	if answer.StatusCode >= 200 && answer.StatusCode < 300 {
		return nil
	}
	reason := fmt.Sprint("the endpoint answered ", answer.StatusCode)
	return &refusal{reason: reason, permanent: reason == goneReason, wait: retryAfter(answer.Header)}
}

// sign makes the headers by which a receiver knows that an event is of this server, and of now.
func (w *Webhooks) sign(p parcel) (http.Header, error) {
	now := w.Now()
	at := strconv.FormatInt(now.Unix(), 10)
	secrets := []string{p.secret}
	if p.old != "" && now.Before(p.oldUntil) {
		secrets = append(secrets, p.old)
	}
	var signatures []string
	for _, sealed := range secrets {
		secret, err := w.Vault.Open(sealed, endpointPlace(p.ID, "secret"))
		if err != nil {
			return nil, err
		}
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
		if err != nil {
			return nil, err
		}
		mac := hmac.New(sha256.New, key)
		mac.Write(bytes.Join([][]byte{[]byte(p.event), []byte(at), []byte(p.body)}, []byte(".")))
		signatures = append(signatures, "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	}
	return http.Header{"Webhook-Id": {p.event}, "Webhook-Timestamp": {at}, "Webhook-Signature": {strings.Join(signatures, " ")}}, nil
}
