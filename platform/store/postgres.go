package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
)

const (
	// postgresBusy is how long a writer waits for the write lock before it gives up: longer than a frozen node can keep it.
	postgresBusy = 4 * time.Second
	// postgresAnswer bounds each statement and the beginning of each transaction, unless BusyTimeout asks for more.
	postgresAnswer = 5 * time.Second
	// postgresIdle is how long a transaction may do nothing: then its node hangs, or is cut off, and the server ends it, so that the others can
	// write.
	postgresIdle = 3 * time.Second
	// postgresConnect bounds the making of a connection to one host.
	postgresConnect = 3 * time.Second
	// migrateIdle is how long a connection that migrates may do nothing, for the same reason. Migrations themselves may take their time.
	migrateIdle = time.Minute
)

// writeLock is the key of the advisory lock that every transaction that writes holds, and whoever migrates. Such locks are of one database:
// other databases of the same server don't wait.
const writeLock = 0x686f757365636c6c // "housecll"

// isPostgres says whether a database's address is one of PostgreSQL.
func isPostgres(address string) bool {
	return strings.HasPrefix(address, "postgres://") || strings.HasPrefix(address, "postgresql://")
}

// openPostgres connects to the database at address, which must be there.
func openPostgres(ctx context.Context, address string, o Options) (*DB, error) {
	config, err := parsePostgres(address)
	if err != nil {
		return nil, fmt.Errorf("database: %w", err)
	}
	busy, err := lockTimeout(config.RuntimeParams["lock_timeout"])
	if err != nil {
		return nil, fmt.Errorf("database: %w", err)
	}
	if o.BusyTimeout == 0 {
		o.BusyTimeout = busy
	}
	within := max(postgresAnswer, o.BusyTimeout+time.Second)
	db := &DB{name: shown(config), dialect: goose.DialectPostgres, snapshot: sql.LevelRepeatableRead, within: within,
		lock: "SELECT pg_advisory_xact_lock(" + strconv.Itoa(writeLock) + ")"}
	db.write = pool(config, within+time.Second, map[string]string{
		"lock_timeout":                        millis(o.BusyTimeout),
		"statement_timeout":                   orElse(config.RuntimeParams["statement_timeout"], millis(within)),
		"idle_in_transaction_session_timeout": orElse(config.RuntimeParams["idle_in_transaction_session_timeout"], millis(postgresIdle)),
	})
	db.read = pool(config, within+time.Second, map[string]string{
		"default_transaction_read_only":       "on",
		"statement_timeout":                   orElse(config.RuntimeParams["statement_timeout"], millis(within)),
		"idle_in_transaction_session_timeout": orElse(config.RuntimeParams["idle_in_transaction_session_timeout"], millis(postgresIdle)),
	})
	db.migrate = pool(config, 0, map[string]string{
		"lock_timeout":                        "0",
		"statement_timeout":                   "0",
		"idle_in_transaction_session_timeout": millis(migrateIdle),
		"idle_session_timeout":                millis(migrateIdle),
	})
	db.migrate.SetMaxOpenConns(1)
	db.migrate.SetConnMaxIdleTime(time.Second)
	db.lockMigrations = func(ctx context.Context) (func(), error) { return lockSession(ctx, db.migrate) }
	if err := db.connect(ctx); err != nil {
		return db, err
	}
	return db, checkPostgres(ctx, db)
}

// parsePostgres reads an address. No error shows a password.
func parsePostgres(address string) (*pgx.ConnConfig, error) {
	_, authority, _ := strings.Cut(address, "://")
	if end := strings.IndexAny(authority, "/?#"); end >= 0 {
		authority = authority[:end]
	}
	if _, err := url.Parse(address); err != nil || strings.Count(authority, "@") > 1 { // then nobody can say where in it the password ends
		return nil, errors.New("the address of PostgreSQL can't be read: write it as postgres://USER:PASSWORD@HOST/NAME, and in the password %25 for %, %40 for @, " +
			"%2F for /, %23 for # and %3F for ?; several hosts as ?host=A,B")
	}
	config, err := pgx.ParseConfig(address)
	if err == nil && !saysTLS(address) && !local(config) {
		// Health data leaves the machine. Who wants less says so.
		separator := "?"
		if strings.Contains(address, "?") {
			separator = "&"
		}
		config, err = pgx.ParseConfig(address + separator + "sslmode=verify-full")
	}
	return config, err // the driver hides the password
}

// saysTLS says whether somebody has chosen how to use TLS.
func saysTLS(address string) bool {
	if os.Getenv("PGSSLMODE") != "" {
		return true
	}
	_, query, _ := strings.Cut(address, "?")
	values, err := url.ParseQuery(query)
	return err != nil || values.Has("sslmode") || values.Has("ssl") || values.Has("service")
}

// local says whether every host of the database is this machine.
func local(config *pgx.ConnConfig) bool {
	hosts := []string{config.Host}
	for _, f := range config.Fallbacks {
		hosts = append(hosts, f.Host)
	}
	for _, host := range hosts {
		addr, err := netip.ParseAddr(host)
		if !strings.HasPrefix(host, "/") && host != "localhost" && (err != nil || !addr.IsLoopback()) {
			return false
		}
	}
	return true
}

// shown is a database's address for people to read, without a password.
func shown(c *pgx.ConnConfig) string {
	if strings.HasPrefix(c.Host, "/") {
		return "postgres://" + c.User + "@/" + c.Database + "?host=" + c.Host
	}
	return "postgres://" + c.User + "@" + net.JoinHostPort(c.Host, strconv.Itoa(int(c.Port))) + "/" + c.Database
}

// lockTimeout reads what an address says about it, in milliseconds as PostgreSQL has it, or as in 10s.
func lockTimeout(s string) (time.Duration, error) {
	if s == "" {
		return postgresBusy, nil
	}
	if ms, err := strconv.Atoi(s); err == nil {
		s = strconv.Itoa(ms) + "ms"
	}
	d, err := time.ParseDuration(s)
	if err != nil || d <= 0 {
		return 0, errors.New("lock_timeout in the address of PostgreSQL: want milliseconds, more than 0")
	}
	return d, nil
}

func millis(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

func orElse(s, otherwise string) string {
	if s != "" {
		return s
	}
	return otherwise
}

// pool makes a pool of connections that differ from the address in these settings. Nothing connects yet. within bounds each wait for the
// server on the network; 0: nothing does.
func pool(base *pgx.ConnConfig, within time.Duration, settings map[string]string) *sql.DB {
	config := base.Copy()
	if config.ConnectTimeout == 0 || config.ConnectTimeout > postgresConnect {
		config.ConnectTimeout = postgresConnect
	}
	config.RuntimeParams["application_name"] = orElse(config.RuntimeParams["application_name"], "housecall")
	// A transaction takes the write lock with its first statement; in any other isolation it would go on with what it saw before it had it.
	config.RuntimeParams["default_transaction_isolation"] = "read committed"
	// A server notices within seconds that the machine on the other side is gone.
	config.RuntimeParams["tcp_keepalives_idle"] = "5"
	config.RuntimeParams["tcp_keepalives_interval"] = "2"
	config.RuntimeParams["tcp_keepalives_count"] = "3"
	config.RuntimeParams["tcp_user_timeout"] = "10000"
	for name, value := range settings {
		config.RuntimeParams[name] = value
	}
	config.DialFunc = dialer(within)
	return stdlib.OpenDB(*config,
		stdlib.OptionShouldPing(func(_ context.Context, p stdlib.ShouldPingParams) bool { return !silent(p.Conn.PgConn().Conn()) }),
		stdlib.OptionAfterConnect(afterConnect))
}

// afterConnect has a commit wait until it is on the disk, where the server's settings would not: what we acknowledge must last.
func afterConnect(ctx context.Context, conn *pgx.Conn) error {
	_, err := conn.Exec(ctx, `SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'`)
	if err != nil {
		return errors.Join(err, conn.Close(ctx))
	}
	return nil
}

// lockSession holds the write lock in the one connection of a pool until unlock. While the connection lives, so does the lock, and all that
// is done by the pool is done under it.
func lockSession(ctx context.Context, one *sql.DB) (unlock func(), err error) {
	if _, err := one.ExecContext(ctx, `SELECT pg_advisory_lock($1)`, int64(writeLock)); err != nil {
		return nil, err
	}
	return func() { // a connection that is lost has given it back
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), postgresAnswer)
		defer cancel()
		_, _ = one.ExecContext(ctx, `SELECT pg_advisory_unlock_all()`)
	}, nil
}

// checkPostgres refuses a database that could not hold every text.
func checkPostgres(ctx context.Context, db *DB) error {
	var encoding string
	if err := db.QueryRowContext(ctx, `SELECT current_setting('server_encoding')`).Scan(&encoding); err != nil {
		return fmt.Errorf("open database %s: %w", db.name, err)
	}
	if encoding != "UTF8" {
		return fmt.Errorf("open database %s: its encoding is %s: make it with ENCODING 'UTF8' TEMPLATE template0", db.name, encoding)
	}
	return nil
}

// passingPostgres says whether an error of PostgreSQL, or of the way to it, is one that may be gone when tried again.
// https://www.postgresql.org/docs/current/errcodes-appendix.html
func passingPostgres(err error) bool {
	var connecting *pgconn.ConnectError
	if errors.As(err, &connecting) { // also for a password or a role that is being changed
		return true
	}
	var answer *pgconn.PgError
	if errors.As(err, &answer) {
		switch answer.Code {
		case "57014", // statement_timeout
			"57P01", "57P02", "57P03", "57P05", // the server, or this connection, is being ended
			"55P03",          // lock_timeout
			"25P03",          // the transaction did nothing for too long
			"25006",          // the server has become a stand-by
			"40001", "40P01", // not now, beside others
			"58030": // the disk fails
			return true
		}
		class := answer.Code[:min(2, len(answer.Code))]
		return class == "08" || class == "53" // the connection is lost; disk, memory or connections are used up
	}
	var network net.Error
	return pgconn.Timeout(err) || pgconn.SafeToRetry(err) || errors.Is(err, pgconn.ErrConnClosed) || errors.As(err, &network) ||
		errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed)
}
