package rooms

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// secretRedis starts a server that needs a password, for servers that speak to each other.
func secretRedis(t *testing.T, more ...string) *redisServer {
	t.Helper()
	return startRedisAs(t, redisSetUp{ready: redisReady, address: "redis://:" + url.QueryEscape(sesame) + "@127.0.0.1:PORT",
		args: plainRedis(t, append([]string{"--requirepass", sesame, "--masterauth", sesame, "--repl-diskless-sync-delay", "0"}, more...)...)})
}

// direct is a client of this server alone, until the test ends.
func (s *redisServer) direct() *redis.Client {
	s.t.Helper()
	c := redis.NewClient(&redis.Options{Addr: s.host(), Password: sesame})
	s.t.Cleanup(func() { _ = c.Close() })
	return c
}

// startSentinels starts three that watch over the server, and waits until they know each other and its replica.
func startSentinels(t *testing.T, master *redisServer) (list []*redisServer) {
	t.Helper()
	for range 3 {
		file := filepath.Join(t.TempDir(), "sentinel.conf")
		s := startRedisAs(t, redisSetUp{ready: "+monitor master visits", args: func(port int) []string {
			conf := []string{fmt.Sprint("port ", port), "bind 127.0.0.1", "dir " + filepath.Dir(file), `requirepass "` + sesame + `"`,
				fmt.Sprint("sentinel monitor visits 127.0.0.1 ", master.port, " 2"), `sentinel auth-pass visits "` + sesame + `"`,
				"sentinel sentinel-pass \"" + sesame + `"`, "sentinel down-after-milliseconds visits 500", "sentinel failover-timeout visits 4000"}
			if err := os.WriteFile(file, []byte(strings.Join(conf, "\n")+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			return []string{file, "--sentinel"}
		}})
		list = append(list, s)
	}
	for _, s := range list {
		sentinel := redis.NewSentinelClient(&redis.Options{Addr: s.host(), Password: sesame})
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
	for name, play := range map[string]func(*testing.T){"sentinel": playSentinel, "cluster": playCluster} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // most of the time is spent waiting for others
			play(t)
		})
	}
}

// playSentinel: when the server dies another takes its place, and nothing is to be done here.
func playSentinel(t *testing.T) {
	master := secretRedis(t)
	replica := secretRedis(t, "--replicaof", fmt.Sprint("127.0.0.1 ", master.port))
	eventually(t, "the replica follows", pollPause, func() bool {
		return strings.Contains(replica.direct().Info(t.Context(), "replication").Val(), "master_link_status:up")
	})
	sentinels := startSentinels(t, master)
	var hosts []string
	for _, s := range sentinels {
		hosts = append(hosts, s.host())
	}
	secret := url.QueryEscape(sesame)
	r := openTestRedis(t, "redis+sentinel://:"+secret+"@"+strings.Join(hosts, ",")+"/0?master=visits&sentinel_password="+secret, redisPatience)
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
		return replica.direct().HGet(t.Context(), roomKey("room"), "admitted").Val() == "s1"
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

// clusterRights are what a user of ours needs beside redisRights in a cluster, as docs/operating.md says.
const clusterRights = " +cluster|slots +cluster|shards +command"

// playCluster: three servers that share the keys, of which we know one and a half.
func playCluster(t *testing.T) {
	var list []*redisServer
	for range 3 {
		list = append(list, secretRedis(t, append([]string{"--cluster-enabled", "yes", "--cluster-node-timeout", "60000",
			"--user", "housecall", "on", ">" + sesame}, strings.Fields(redisRights+clusterRights)...)...))
	}
	ctx := t.Context()
	for i, s := range list {
		c := s.direct()
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
			info := s.direct().ClusterInfo(ctx).Val()
			return strings.Contains(info, "cluster_state:ok") && strings.Contains(info, "cluster_known_nodes:3")
		})
	}
	r := openTestRedis(t, "redis+cluster://housecall:"+url.QueryEscape(sesame)+"@"+list[0].host()+",127.0.0.1:"+fmt.Sprint(freePort(t)), redisPatience)
	everyCallWorks(t, r)
	keys := 0
	for _, s := range list {
		keys += len(s.direct().Keys(ctx, redisPrefix+"*").Val())
	}
	if keys < 8 {
		t.Errorf("%d keys in the cluster", keys)
	}
	s := &leaseStore{store: NewRedisLeases(r), now: time.Now, pause: pollPause}
	for name, scene := range map[string]func(*testing.T, *leaseStore){"released": sceneReleased, "snapshot": sceneSnapshot, "hosts": sceneHosts} {
		t.Run(name, func(t *testing.T) { scene(t, s) })
		for _, server := range list {
			server.direct().FlushAll(ctx)
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
