package staff

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"

	"housecall/platform/phi"
)

// Cost is what one hash of a password takes, in the terms of RFC 9106.
type Cost struct {
	MemoryKiB uint32
	Passes    uint32
	Lanes     uint8
}

// DefaultCost is the second recommended option of RFC 9106 §4: 64 MiB. With atOnce hashes at a time that is at most 128 MiB in all.
var DefaultCost = Cost{MemoryKiB: 64 << 10, Passes: 3, Lanes: 4}

const (
	atOnce     = 2 // hashes going on at the same time; more wait
	saltLength = 16
	hashLength = 32

	minPassword = 12  // characters
	maxPassword = 256 // characters; keeps the work of hashing bounded
)

// hasher makes and checks password hashes, few at a time.
type hasher struct {
	cost   Cost
	random io.Reader
	slots  chan struct{}
	dummy  string // checked when there is no account, so that it takes as long as when there is one
}

func newHasher(c Cost, random io.Reader) (*hasher, error) {
	h := &hasher{cost: c, random: random, slots: make(chan struct{}, atOnce)}
	var err error
	h.dummy, err = h.hash(context.Background(), "no account has this password")
	return h, err
}

// run waits for a free slot and hashes.
func (h *hasher) run(ctx context.Context, password phi.Text, salt []byte, c Cost) ([]byte, error) {
	select {
	case h.slots <- struct{}{}:
		defer func() { <-h.slots }()
	case <-ctx.Done():
		return nil, fmt.Errorf("wait to hash a password: %w", ctx.Err())
	}
	return argon2.IDKey([]byte(password.Reveal()), salt, c.Passes, c.MemoryKiB, c.Lanes, hashLength), nil
}

// hash returns $argon2id$v=19$m=…,t=…,p=…$salt$hash.
func (h *hasher) hash(ctx context.Context, password phi.Text) (string, error) {
	salt := make([]byte, saltLength)
	if _, err := io.ReadFull(h.random, salt); err != nil {
		return "", fmt.Errorf("read a salt: %w", err)
	}
	sum, err := h.run(ctx, password, salt, h.cost)
	if err != nil {
		return "", err
	}
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, h.cost.MemoryKiB, h.cost.Passes, h.cost.Lanes,
		b64.EncodeToString(salt), b64.EncodeToString(sum)), nil
}

// matches tells whether the password is the one behind stored. An empty stored hash matches nothing and takes as long as any.
func (h *hasher) matches(ctx context.Context, stored string, password phi.Text) (bool, error) {
	known := stored != ""
	if !known {
		stored = h.dummy
	}
	c, salt, want, err := parseHash(stored)
	if err != nil {
		return false, err
	}
	if utf8.RuneCountInString(password.Reveal()) > maxPassword {
		password, known = "", false
	}
	got, err := h.run(ctx, password, salt, c)
	if err != nil {
		return false, err
	}
	return subtle.ConstantTimeCompare(got, want) == 1 && known, nil
}

func parseHash(s string) (c Cost, salt, sum []byte, err error) {
	parts := strings.Split(s, "$")
	var version int
	if len(parts) != 6 || parts[1] != "argon2id" {
		return c, nil, nil, errors.New("stored password: not argon2id")
	}
	if _, err = fmt.Sscanf(parts[2], "v=%d", &version); err != nil || version != argon2.Version {
		return c, nil, nil, fmt.Errorf("stored password: version %q", parts[2])
	}
	if _, err = fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &c.MemoryKiB, &c.Passes, &c.Lanes); err != nil || c.Passes < 1 || c.Lanes < 1 {
		return c, nil, nil, fmt.Errorf("stored password: parameters %q", parts[3])
	}
	b64 := base64.RawStdEncoding
	if salt, err = b64.DecodeString(parts[4]); err != nil {
		return c, nil, nil, fmt.Errorf("stored password: salt: %w", err)
	}
	if sum, err = b64.DecodeString(parts[5]); err != nil {
		return c, nil, nil, fmt.Errorf("stored password: hash: %w", err)
	}
	return c, salt, sum, nil
}

// worst are long enough and still what everybody tries first, in lower case. The list is short on purpose: length does the work.
var worst = map[string]bool{
	"passwordpassword": true, "password1234": true, "password12345": true, "password123456": true, "123456789012": true,
	"1234567890123": true, "12345678901234": true, "123456123456": true, "123123123123": true, "qwertyuiop12": true, "qwertyuiop123": true,
	"qwertyuiopas": true, "qwertyuiopasdf": true, "qwerty123456": true, "qwertyqwerty": true, "1q2w3e4r5t6y": true, "letmeinletmein": true, "iloveyouiloveyou": true,
	"administrator": true, "adminadminadmin": true, "adminadmin123": true, "welcome12345": true, "welcome123456": true, "changemechangeme": true, "changeme1234": true,
	"correcthorsebatterystaple": true, "correct horse battery staple": true, "hospital1234": true, "housecall1234": true, "housecallhousecall": true,
}

// judgePassword says what is wrong with a new password, by a key of its words and in plain English, or nothing.
func judgePassword(p, email string) (key, detail string) {
	lower := strings.ToLower(p)
	switch n := utf8.RuneCountInString(p); {
	case p == "":
		return "empty", "is needed"
	case !utf8.ValidString(p):
		return "unreadable", "has characters that cannot be read"
	case n < minPassword:
		return "short", fmt.Sprintf("must have at least %d characters", minPassword)
	case n > maxPassword:
		return "long", fmt.Sprintf("must have at most %d characters", maxPassword)
	case worst[lower] || strings.Count(lower, lower[:1]) == len(lower):
		return "common", "is used by too many people: choose one that is harder to guess"
	case lower == email:
		return "email", "must not be the email address"
	}
	return "", ""
}
