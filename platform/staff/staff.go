// Package staff holds the accounts of the hospital's people and the API keys of its programs: the first set-up, signing in and out, sessions, and
// the lock after wrong passwords. Its tables own all state; a process keeps none but the bound on password work going on at once.
// It must never store or log a password, a code, a key or a session as it was given out: only their hashes.
package staff

import (
	"context"
	"crypto/rand"
	"embed"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"strings"
	"time"

	"github.com/go-webauthn/webauthn/webauthn"

	"housecall/auth"
	"housecall/platform/keys"
	"housecall/platform/phi"
	"housecall/platform/store"
	"housecall/platform/web"
	"housecall/platform/words"
)

// How long things last, and how many tries there are.
const (
	SessionLife = 12 * time.Hour
	SetupLife   = 24 * time.Hour
	mostSetups  = 10               // codes good at once
	maxFailures = 5                // wrong passwords for one address
	lockTime    = 15 * time.Minute // of the address after that many, and how long failures are remembered
)

// Tries of one network, which may be all of a hospital behind one address: of what can be guessed only wrong tries stay counted. Each account's
// own count is in the database.
const (
	triesWindow = 5 * time.Minute
	mostWrong   = 100  // tries to sign in, set up and choose a password, and as many second factors; also the most of each going on at once
	mostBegun   = 1000 // beginnings of passkeys, ways to the hospital's sign-on, and ways back: nothing is guessed there

	signInTries = "sign-in"
	secondTries = "second-factor"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

//go:embed pages/*.html
var pageFiles embed.FS

//go:embed locales/*.json
var localeFiles embed.FS

// Config is what accounts need from outside.
type Config struct {
	DB        *store.DB
	Limiter   web.Forgiver // counts tries by network
	Pages     *web.Pages
	PublicURL string      // decides whether cookies are for HTTPS only
	Home      string      // where somebody goes who signed in and asked for nothing else, as in "/", which leads on to the first of Links they may see
	Links     []web.Link  // navigation of who is signed in, each where it may be followed
	Policy    auth.Policy // who may do what
	Site      string      // the hospital's name, in apps and passkeys
	Vault     keys.Vault  // seals the secrets of second factors, and what a form held when its page was locked
	// Zone gives the time zone of the times on pages, the first site's; nil: UTC.
	Zone    func(context.Context) (*time.Location, error)
	KeyLife time.Duration // the longest an API key may work, in whole days; zero: DefaultKeyLife
	Idle    time.Duration // without doing anything, until pages ask again who is there; 0: never
	// RequireSecond are the roles that must show a second factor.
	RequireSecond []auth.Role
	// Banner is what every page says first to somebody, and where it leads; "": nothing. Nil: to nobody.
	Banner func(context.Context, auth.Actor, *words.Words) (text, path string, err error)
	// Planned is how many visits to come an account leads, as far as the reader may know, and the path of a page that shows them. Nil: nothing is known.
	Planned func(ctx context.Context, reader auth.Actor, account string) (count int, path string, err error)
	// SignOn is the hospital's own sign-on; nil: there is none.
	SignOn *SignOn
	Now    func() time.Time // nil: time.Now
	Random io.Reader        // nil: crypto/rand
	Cost   Cost             // of passwords; zero: DefaultCost
}

// Accounts are the accounts, sessions and keys. Safe for use by many goroutines.
type Accounts struct {
	Config
	secure   bool
	hasher   *hasher
	relying  *webauthn.WebAuthn // nil: the address can have no passkeys
	provider *provider          // the hospital's own sign-on; nil: there is none
}

// Account is one of the hospital's people.
type Account struct {
	ID    string
	Name  phi.Text
	Email phi.Text
	Role  auth.Role

	HasPassword bool // somebody chose one
	Created     time.Time
	Disabled    time.Time // zero: it is on
}

// Actor says who the account is for the rules and the audit log.
func (a Account) Actor() auth.Actor {
	return auth.Actor{Kind: auth.KindStaff, ID: a.ID, Role: a.Role}
}

// Migrations are those of this package's tables.
func Migrations() fs.FS { return store.Folder(migrationFiles, "migrations") }

// Locales are what the pages of this package say.
func Locales() fs.FS { return store.Folder(localeFiles, "locales") }

// New brings the tables up to date and parses the pages.
func New(ctx context.Context, c Config) (*Accounts, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Zone == nil {
		c.Zone = func(context.Context) (*time.Location, error) { return time.UTC, nil }
	}
	if c.Random == nil {
		c.Random = rand.Reader
	}
	if c.KeyLife == 0 {
		c.KeyLife = DefaultKeyLife
	}
	if c.Cost == (Cost{}) {
		c.Cost = DefaultCost
	}
	if err := c.DB.Migrate(ctx, "staff", Migrations()); err != nil {
		return nil, fmt.Errorf("migrate staff: %w", err)
	}
	a := &Accounts{Config: c, secure: strings.HasPrefix(c.PublicURL, "https://")}
	var err error
	if a.hasher, err = newHasher(c.Cost, c.Random); err != nil {
		return nil, err
	}
	if a.relying, err = newRelyingParty(c.PublicURL, c.Site); err != nil {
		return nil, err
	}
	if c.SignOn != nil {
		a.provider = newProvider(*c.SignOn, c.PublicURL, c.Now)
	}
	if c.Pages != nil {
		if err := c.Pages.Add("staff", store.Folder(pageFiles, "pages")); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// Routes adds the pages of signing in and out, of one's own account, and of those who keep the accounts.
func (a *Accounts) Routes(routes *web.Routes) {
	limited := web.Limit(a.Limiter, signInTries, mostWrong, triesWindow)
	door := web.Public("nobody is signed in yet, or any more")
	routes.HandleFunc("GET /setup", door, a.setupForm)
	routes.Handle("POST /setup", door, limited(http.HandlerFunc(a.setup)))
	routes.HandleFunc("GET /sign-in", door, a.signInForm)
	routes.Handle("POST /sign-in", door, limited(http.HandlerFunc(a.signIn)))
	routes.HandleFunc("GET /{$}", web.SignedIn(), a.goHome)
	routes.HandleFunc("POST /sign-out", door, a.signOut)
	a.doorRoutes(routes, door)
	a.signOnRoutes(routes, door)
	a.accountRoutes(routes)
	a.lockRoutes(routes)
	a.manageRoutes(routes, limited)
	a.keyRoutes(routes)
}

// EnsureSetup makes a new set-up code when there is no account yet; an older code stops working. The code is told once, here.
func (a *Accounts) EnsureSetup(ctx context.Context) (code string, needed bool, err error) {
	code, err = newSetupCode(a.Random)
	if err != nil {
		return "", false, err
	}
	now := a.Now()
	err = a.DB.Tx(ctx, func(tx *store.Tx) error {
		if needed, err = noAccounts(ctx, tx); err != nil || !needed {
			return err
		}
		// Those of other nodes, which start together, stay good: whoever reads one of their links can't know which came last.
		if _, err := tx.ExecContext(ctx, `DELETE FROM staff_setup WHERE expires_at <= ? OR hash NOT IN (SELECT hash FROM staff_setup ORDER BY expires_at DESC, hash LIMIT ?)`,
			store.Millis(now), mostSetups-1); err != nil {
			return fmt.Errorf("drop older set-up codes: %w", err)
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO staff_setup (hash, expires_at) VALUES (?, ?)`,
			hashOf(code), store.Millis(now.Add(SetupLife))); err != nil {
			return fmt.Errorf("store the set-up code: %w", err)
		}
		return store.Audit(ctx, tx, store.Act{At: now, Actor: system, Action: "staff.setup_code", Subject: store.Subject{Kind: "staff_setup"}, Outcome: store.Allowed})
	})
	if err != nil || !needed {
		return "", false, err
	}
	return code, true, nil
}

// system is who acts when the program itself does.
var system = auth.Actor{Kind: auth.KindSystem, ID: "staff"}

func accountSubject(id string) store.Subject { return store.About("staff_account", id) }
