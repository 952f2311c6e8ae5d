package rooms

import (
	"crypto/tls"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// redisWay is how servers, and we, come to each other: plainly, or by TLS with certificates on both sides.
type redisWay struct {
	suffix  string      // of the scheme
	options url.Values  // of an address
	tls     *tls.Config // nil: plainly
	files   [][2]string // options of the servers
}

func tlsWay(t *testing.T) redisWay {
	t.Helper()
	dir := testCertificates(t)
	file := func(name string) string { return filepath.Join(dir, name) }
	a := redisAddress{options: &redis.Options{TLSConfig: &tls.Config{MinVersion: tls.VersionTLS12}}}
	if err := a.trust(file("ca.pem"), file("client.pem"), file("client.key")); err != nil {
		t.Fatal(err)
	}
	return redisWay{suffix: "s", tls: a.options.TLSConfig,
		options: url.Values{"ca": {file("ca.pem")}, "cert": {file("client.pem")}, "key": {file("client.key")}},
		files: [][2]string{{"tls-cert-file", file("server.pem")}, {"tls-key-file", file("server.key")}, {"tls-ca-cert-file", file("ca.pem")},
			{"tls-auth-clients", "yes"}, {"tls-replication", "yes"}}}
}

// ports are the options of a server that listens at the port in this way alone.
func (w redisWay) ports(port int) [][2]string {
	if w.tls == nil {
		return [][2]string{{"port", strconv.Itoa(port)}}
	}
	return append([][2]string{{"port", "0"}, {"tls-port", strconv.Itoa(port)}}, w.files...)
}

// address is what we open.
func (w redisWay) address(kind, user, hosts, rest string, more url.Values) string {
	query := url.Values{}
	maps.Copy(query, w.options)
	maps.Copy(query, more)
	return "redis" + w.suffix + "+" + kind + "://" + user + ":" + url.QueryEscape(sesame) + "@" + hosts + rest + "?" + query.Encode()
}

// secret starts a server that needs a password, for servers that speak to each other.
func (w redisWay) secret(t *testing.T, more ...string) *redisServer {
	t.Helper()
	plain := plainRedis(t, append([]string{"--requirepass", sesame, "--masterauth", sesame, "--repl-diskless-sync-delay", "0"}, more...)...)
	return startRedisAs(t, redisSetUp{ready: redisReady, args: func(port int) []string {
		args := plain(0)
		for _, option := range w.ports(port) {
			args = append(args, "--"+option[0], option[1])
		}
		return args
	}})
}

// direct is a client of this server alone, until the test ends.
func (w redisWay) direct(s *redisServer) *redis.Client {
	s.t.Helper()
	c := redis.NewClient(&redis.Options{Addr: s.host(), Password: sesame, TLSConfig: w.tls})
	s.t.Cleanup(func() { _ = c.Close() })
	return c
}

// sentinels starts three that watch over the server, and waits until they know each other and its replica.
func (w redisWay) sentinels(t *testing.T, master *redisServer) (list []*redisServer) {
	t.Helper()
	for range 3 {
		file := filepath.Join(t.TempDir(), "sentinel.conf")
		s := startRedisAs(t, redisSetUp{ready: "+monitor master visits", args: func(port int) []string {
			conf := []string{"bind 127.0.0.1", "dir " + filepath.Dir(file), `requirepass "` + sesame + `"`,
				fmt.Sprint("sentinel monitor visits 127.0.0.1 ", master.port, " 2"), `sentinel auth-pass visits "` + sesame + `"`,
				"sentinel sentinel-pass \"" + sesame + `"`, "sentinel down-after-milliseconds visits 500", "sentinel failover-timeout visits 4000"}
			for _, option := range w.ports(port) {
				conf = append(conf, option[0]+" "+option[1])
			}
			if err := os.WriteFile(file, []byte(strings.Join(conf, "\n")+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			return []string{file, "--sentinel"}
		}})
		list = append(list, s)
	}
	for _, s := range list {
		sentinel := redis.NewSentinelClient(&redis.Options{Addr: s.host(), Password: sesame, TLSConfig: w.tls})
		t.Cleanup(func() { _ = sentinel.Close() })
		eventually(t, "the sentinels know each other", pollPause, func() bool {
			known := sentinel.Master(t.Context(), "visits").Val()
			return known["num-slaves"] == "1" && known["num-other-sentinels"] == "2"
		})
	}
	return list
}

func TestRedisOfMany(t *testing.T) {
	guardGoroutines(t)
	for name, play := range map[string]func(*testing.T, redisWay){"sentinel": playSentinel, "cluster": playCluster} {
		for by, way := range map[string]redisWay{"": {}, " by TLS": tlsWay(t)} {
			t.Run(name+by, func(t *testing.T) {
				t.Parallel() // most of the time is spent waiting for others
				play(t, way)
			})
		}
	}
}

// playSentinel: when the server dies another takes its place, and nothing is to be done here.
func playSentinel(t *testing.T, way redisWay) {
	master := way.secret(t)
	replica := way.secret(t, "--replicaof", fmt.Sprint("127.0.0.1 ", master.port))
	eventually(t, "the replica follows", pollPause, func() bool {
		return strings.Contains(way.direct(replica).Info(t.Context(), "replication").Val(), "master_link_status:up")
	})
	sentinels := way.sentinels(t, master)
	var hosts []string
	for _, s := range sentinels {
		hosts = append(hosts, s.host())
	}
	r := openTestRedis(t, way.address("sentinel", "", strings.Join(hosts, ","), "/0", url.Values{"master": {"visits"}, "sentinel_password": {sesame}}), redisPatience)
	leases := NewRedisLeases(r)
	eventually(t, "Redis answers", pollPause, func() bool { return r.Ping(t.Context()) == nil })
	s := &leaseStore{store: leases, now: time.Now, pause: pollPause}
	before := s.take(t, "a", "room")
	before.Admitted = []string{"s1"}
	if err := leases.Renew(t.Context(), before); err != nil {
		t.Fatal(err)
	}
	sentinels[0].kill() // which may be the one we asked; two are enough
	eventually(t, "the replica has it", pollPause, func() bool {
		return way.direct(replica).HGet(t.Context(), roomKey("room"), "admitted").Val() == "s1"
	})
	master.kill()
	begin := time.Now()
	eventually(t, "the other server answers", pollPause, func() bool {
		_, err := leases.Beat(t.Context(), Node{ID: "b"})
		return err == nil
	})
	t.Logf("another server answers %v after the first was killed", time.Since(begin).Round(10*time.Millisecond))
	after := s.take(t, "b", "room")
	if after.Epoch <= before.Epoch || !slices.Equal(after.Admitted, before.Admitted) {
		t.Errorf("after the failover: %+v, before: %+v", after, before)
	}
	for name, call := range redisCalls(t, r) {
		eventually(t, name+" works", pollPause, func() bool { return call() == nil })
	}
	everyCallRefused(t, r, func() { // no sentinel and no server answers
		for _, s := range append(sentinels[1:], replica) {
			s.signal(syscall.SIGSTOP)
		}
	})
	for _, s := range append(sentinels[1:], replica) {
		s.signal(syscall.SIGCONT)
	}
	everyCallWorks(t, r)
}

func yesOrNo(yes bool) string {
	if yes {
		return "yes"
	}
	return "no"
}

// clusterRights are what a user of ours needs beside redisRights in a cluster, as docs/operating.md says.
const clusterRights = " +cluster|slots +cluster|shards +command"

// playCluster: three servers that share the keys, of which we know one and a half.
func playCluster(t *testing.T, way redisWay) {
	var list []*redisServer
	for range 3 {
		list = append(list, way.secret(t, append([]string{"--cluster-enabled", "yes", "--cluster-node-timeout", "60000", "--tls-cluster", yesOrNo(way.tls != nil),
			"--user", "housecall", "on", ">" + sesame}, strings.Fields(redisRights+clusterRights)...)...))
	}
	ctx := t.Context()
	for i, s := range list {
		c := way.direct(s)
		for what, err := range map[string]error{
			"epoch": c.Do(ctx, "cluster", "set-config-epoch", i+1).Err(),
			"slots": c.ClusterAddSlotsRange(ctx, i*16384/3, (i+1)*16384/3-1).Err(),
			"meet":  c.ClusterMeet(ctx, "127.0.0.1", fmt.Sprint(list[0].port)).Err(),
		} {
			if err != nil {
				t.Fatalf("%s: %v", what, err)
			}
		}
	}
	for _, s := range list {
		eventually(t, "the cluster is whole", pollPause, func() bool {
			info := way.direct(s).ClusterInfo(ctx).Val()
			return strings.Contains(info, "cluster_state:ok") && strings.Contains(info, "cluster_known_nodes:3")
		})
	}
	r := openTestRedis(t, way.address("cluster", "housecall", list[0].host()+",127.0.0.1:"+fmt.Sprint(freePort(t)), "", nil), redisPatience)
	everyCallWorks(t, r)
	keys := 0
	for _, s := range list {
		keys += len(way.direct(s).Keys(ctx, redisPrefix+"*").Val())
	}
	if keys < 8 {
		t.Errorf("%d keys in the cluster", keys)
	}
	s := &leaseStore{store: NewRedisLeases(r), now: time.Now, pause: pollPause}
	for name, scene := range map[string]func(*testing.T, *leaseStore){"released": sceneReleased, "snapshot": sceneSnapshot, "hosts": sceneHosts} {
		t.Run(name, func(t *testing.T) { scene(t, s) })
		for _, server := range list {
			way.direct(server).FlushAll(ctx)
		}
	}
	everyCallRefused(t, r, func() {
		for _, s := range list {
			s.signal(syscall.SIGSTOP)
		}
	})
	for _, s := range list {
		s.signal(syscall.SIGCONT)
	}
	everyCallWorks(t, r)
}
