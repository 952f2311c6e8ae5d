package rooms

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// redisAddress is what an address says: which Redis, and how to get in.
type redisAddress struct {
	kind    string         // "" for one server, "sentinel" or "cluster"
	hosts   []string       // host:port of the server, of the sentinels, or of some nodes of the cluster
	options *redis.Options // of one server; the others take theirs from it
	master  string         // the name that sentinels know the server by
	// What sentinels ask for themselves; the server's own user and password are in options.
	sentinelUser, sentinelPassword string
}

// errRedisAddress says no more, since whatever can't be read may be a part of a password.
var errRedisAddress = errors.New("it is none of redis://USER:PASSWORD@HOST:6379/0, rediss://… (TLS), redis+sentinel://…, redis+cluster://… or unix://PATH, " +
	"or has an option that is unknown; in a password write %40 for @, %2F for /, %3F for ?, %23 for #, %25 for %")

// parseRedis reads an address. Its errors hold no part of the address.
func parseRedis(address string) (*redisAddress, error) {
	scheme, rest, ok := strings.Cut(address, "://")
	base, kind, plus := strings.Cut(scheme, "+")
	if !ok || plus && kind != "sentinel" && kind != "cluster" || kind != "" && base != "redis" && base != "rediss" {
		return nil, errRedisAddress
	}
	a := &redisAddress{kind: kind}
	if base != "unix" {
		if rest, ok = a.takeHosts(rest); !ok {
			return nil, errRedisAddress
		}
	}
	u, err := url.Parse(base + "://" + rest)
	if err != nil {
		return nil, errRedisAddress
	}
	query := u.Query()
	take := func(name string) string {
		value := query.Get(name)
		query.Del(name)
		return value
	}
	if kind == "sentinel" {
		a.master, a.sentinelUser, a.sentinelPassword = take("master"), take("sentinel_user"), take("sentinel_password")
		if a.master == "" {
			return nil, errors.New("redis+sentinel:// needs ?master=NAME, the name that the sentinels know the server by")
		}
	}
	ca, cert, key, name := take("ca"), take("cert"), take("key"), take("server_name")
	u.RawQuery = query.Encode()
	if a.options, err = redis.ParseURL(u.String()); err != nil {
		return nil, errRedisAddress
	}
	if kind == "cluster" && a.options.DB != 0 {
		return nil, errors.New("a cluster has no databases but 0")
	}
	if base != "rediss" {
		if ca+cert+key+name != "" {
			return nil, errors.New("ca, cert, key and server_name are for TLS: write rediss:// instead of redis://")
		}
		return a, nil
	}
	a.options.TLSConfig.ServerName = name // empty: the host of each connection
	return a, a.trust(ca, cert, key)
}

// takeHosts notes the hosts, which have commas between, and returns the address with the first alone; false: one can't be read.
func (a *redisAddress) takeHosts(rest string) (string, bool) {
	end := len(rest)
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		end = i
	}
	begin := strings.LastIndexByte(rest[:end], '@') + 1
	port := "6379"
	if a.kind == "sentinel" {
		port = "26379"
	}
	list := []string{rest[begin:end]}
	if a.kind != "" {
		list = strings.Split(rest[begin:end], ",")
	}
	for _, host := range list {
		u, err := url.Parse("redis://" + host)
		if err != nil {
			return "", false
		}
		a.hosts = append(a.hosts, net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), port)))
	}
	return rest[:begin] + list[0] + rest[end:], true
}

// trust takes TLS certificates from PEM files: of the authority that signs the servers', and our own, where the servers ask for one.
func (a *redisAddress) trust(ca, cert, key string) error {
	if ca != "" {
		pem, err := os.ReadFile(ca)
		if err != nil {
			return fmt.Errorf("read the certificate of the authority: %w", err)
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return fmt.Errorf("%s holds no certificate in PEM", ca)
		}
		a.options.TLSConfig.RootCAs = pool
	}
	if cert != "" || key != "" {
		pair, err := tls.LoadX509KeyPair(cert, key)
		if err != nil {
			return fmt.Errorf("read our certificate: %w", err)
		}
		a.options.TLSConfig.Certificates = []tls.Certificate{pair}
	}
	return nil
}

// client makes a client that waits so long for whatever it does; the context of each operation bounds it as a whole.
func (a *redisAddress) client(patience time.Duration) redis.UniversalClient {
	o := a.options
	o.ContextTimeoutEnabled = true
	o.DialTimeout, o.ReadTimeout, o.WriteTimeout, o.PoolTimeout = patience, patience, patience, patience
	o.DialerRetries = 1
	// One retry crosses a restart of Redis, of which the pooled connections have not heard.
	o.MaxRetries, o.MaxRetryBackoff = 1, redisBackoff
	o.DisableIdentity = true
	o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	switch a.kind {
	case "sentinel":
		return redis.NewFailoverClient(&redis.FailoverOptions{
			MasterName: a.master, SentinelAddrs: a.hosts, SentinelUsername: a.sentinelUser, SentinelPassword: a.sentinelPassword,
			Username: o.Username, Password: o.Password, DB: o.DB, TLSConfig: o.TLSConfig, Protocol: o.Protocol, PoolSize: o.PoolSize,
			ContextTimeoutEnabled: true, DialTimeout: o.DialTimeout, ReadTimeout: o.ReadTimeout, WriteTimeout: o.WriteTimeout, PoolTimeout: o.PoolTimeout,
			DialerRetries: o.DialerRetries, MaxRetries: o.MaxRetries, MaxRetryBackoff: o.MaxRetryBackoff, DisableIdentity: true,
		})
	case "cluster":
		return redis.NewClusterClient(&redis.ClusterOptions{
			Addrs: a.hosts, Username: o.Username, Password: o.Password, TLSConfig: o.TLSConfig, Protocol: o.Protocol, PoolSize: o.PoolSize,
			ContextTimeoutEnabled: true, DialTimeout: o.DialTimeout, ReadTimeout: o.ReadTimeout, WriteTimeout: o.WriteTimeout, PoolTimeout: o.PoolTimeout,
			DialerRetries: o.DialerRetries, MaxRetryBackoff: o.MaxRetryBackoff, DisableIdentity: true,
			MaintNotificationsConfig: o.MaintNotificationsConfig,
		})
	}
	return redis.NewClient(o)
}
