package loadtest

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"housecall/auth"
	"housecall/cmd/housecall/server"
	"housecall/platform/staff"
)

// startRedis starts a real Redis that ends with the test, and returns its URL.
func startRedis(t *testing.T) string {
	t.Helper()
	for range 20 { // somebody else may take the port between finding and using it
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		port := listener.Addr().(*net.TCPAddr).Port
		_ = listener.Close()
		redis := exec.Command("redis-server", "--bind", "127.0.0.1", "--port", strconv.Itoa(port), "--save", "", "--appendonly", "no", "--dir", t.TempDir())
		if err := redis.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan struct{})
		go func() {
			_ = redis.Wait() // it is always ended by a signal, or for a port that is taken
			close(ended)
		}()
		t.Cleanup(func() {
			_ = redis.Process.Kill()
			<-ended
		})
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		for deadline := time.Now().Add(soon); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
			if conn, err := net.Dial("tcp", address); err == nil {
				_ = conn.Close()
				return "redis://" + address
			}
			select {
			case <-ended:
				deadline = time.Time{}
			default:
			}
		}
	}
	t.Fatal("redis-server did not start")
	return ""
}

// balancer hands connections to nodes in turn, as a load balancer does that looks at nothing.
type balancer struct {
	listener net.Listener
	work     sync.WaitGroup

	mu      sync.Mutex
	targets []string
	next    int
}

func openBalancer(t *testing.T) *balancer {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &balancer{listener: listener}
	b.work.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			b.work.Go(func() { b.pass(conn) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		b.work.Wait()
	})
	return b
}

// serve has these nodes take what comes from now on.
func (b *balancer) serve(targets ...string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.targets = targets
}

func (b *balancer) pass(client net.Conn) {
	defer client.Close()
	b.mu.Lock()
	target := b.targets[b.next%len(b.targets)]
	b.next++
	b.mu.Unlock()
	node, err := net.Dial("tcp", target)
	if err != nil {
		return
	}
	defer node.Close()
	var group sync.WaitGroup
	for _, way := range [][2]net.Conn{{client, node}, {node, client}} {
		group.Go(func() {
			_, _ = io.Copy(way[0], way[1]) // either end may close
			_ = way[0].Close()
			_ = way[1].Close()
		})
	}
	group.Wait()
}

// cluster is several whole servers in this process behind a balancer, with one Redis and one database.
type cluster struct {
	hospital // its server is the first node
	balancer *balancer
	nodes    []*server.Server
	outside  []string // where each serves pages
}

func openCluster(t *testing.T, nodes int) *cluster {
	t.Helper()
	c := &cluster{balancer: openBalancer(t)}
	c.http = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}} // so that the balancer gets to choose
	c.url = "http://" + c.balancer.listener.Addr().String()
	data, redis := t.TempDir(), startRedis(t)
	for i := range nodes {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		address := listener.Addr().String()
		_ = listener.Close()
		n, err := server.New(t.Context(), server.Config{Listen: address, PublicURL: c.url, Data: filepath.Join(data, strconv.Itoa(i)),
			Database: filepath.Join(data, "housecall.db"), KeyFile: filepath.Join(data, "master.key"), Redis: redis, NodeListen: "127.0.0.1:0"})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.close(t, n) })
		c.nodes, c.outside = append(c.nodes, n), append(c.outside, address)
	}
	c.server = c.nodes[0]
	c.balancer.serve(c.outside...)
	var err error
	if c.key, _, err = c.server.Accounts.CreateKey(t.Context(), auth.Operator(), staff.NewKey{Name: "load", Scopes: c.server.Accounts.Policy.Grantable()}); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *cluster) close(t *testing.T, n *server.Server) {
	t.Helper()
	if err := n.Close(); err != nil {
		t.Error(err)
	}
}

// stays brings two clinicians into a visit, who stay until the test ends, and returns when they hear and see each other.
func (c *cluster) stays(ctx context.Context, t *testing.T) []*Stay {
	t.Helper()
	_, links, err := c.plan(ctx, 2)
	if err != nil {
		t.Fatal(err)
	}
	var stays []*Stay
	for _, link := range links {
		stay := c.redeem(ctx, t, link).Stay(Options{Sends: true, Light: true})
		t.Cleanup(func() {
			if err := stay.Leave(); err != nil {
				t.Error(err)
			}
		})
		stays = append(stays, stay)
	}
	meetAgain(ctx, t, stays, time.Now())
	return stays
}

// meetAgain waits until everybody gets everybody else's sound and picture that was sent after a moment.
func meetAgain(ctx context.Context, t *testing.T, stays []*Stay, since time.Time) {
	t.Helper()
	for _, viewer := range stays {
		for _, other := range stays {
			for viewer != other {
				state := other.State()
				if viewer.Last(Flow{state.You, sourceCamera}).After(since) && viewer.Last(Flow{state.You, sourceMicrophone}).After(since) {
					break
				}
				select {
				case <-time.After(5 * time.Millisecond):
				case <-ctx.Done():
					t.Fatal("they did not meet")
				}
			}
		}
	}
}

// Every node takes every request: visits are spread over the nodes, and people of one visit who come by different nodes meet. When a node drains,
// its visits go on elsewhere: hardly a packet is missed, nobody is lost or doubled, and what was said is there.
func TestCluster(t *testing.T) {
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, before) })
	c := openCluster(t, 2)
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	var visits [][]*Stay
	for range 4 {
		visits = append(visits, c.stays(ctx, t))
	}
	for i, stays := range visits {
		stays[0].Say("before", fmt.Sprint("visit ", i))
	}
	hosted := c.hosting(t, visits)
	if hosted[0] == 0 || hosted[1] == 0 {
		t.Errorf("%v visits hosted", hosted)
	}

	for _, stays := range visits {
		for _, stay := range stays {
			stay.Begin()
		}
	}
	c.nodes[0].Drain()
	drained := time.Now()
	c.balancer.serve(c.outside[1])
	c.close(t, c.nodes[0])
	for i, stays := range visits {
		stays[1].Say("after", fmt.Sprint("visit ", i))
		meetAgain(ctx, t, stays, drained)
	}
	var longest time.Duration
	moved := 0
	for i, stays := range visits {
		for j, stay := range stays {
			for flow, gap := range stay.Gaps() {
				if longest = max(longest, gap); gap > 5*time.Second { // a second is promised; this machine may be busy
					t.Errorf("visit %d, person %d: %v halted for %v", i, j, flow, gap)
				}
			}
			state := eventuallyHeard(ctx, t, stay, 2)
			if len(state.Members) != 1 || state.Place != placeVisit || state.Doubled != 0 {
				t.Errorf("visit %d, person %d: in %s with %v, %d lines twice", i, j, state.Place, state.Members, state.Doubled)
			}
			if stay.Journey().Moves > 0 {
				moved++
			}
		}
	}
	if moved != 2*hosted[0] {
		t.Errorf("%d people moved from %d visits", moved, hosted[0])
	}
	t.Logf("%d people moved; the longest halt of sound or picture was %v", moved, longest)
}

// eventuallyHeard waits until a stay has so many lines.
func eventuallyHeard(ctx context.Context, t *testing.T, stay *Stay, lines int) State {
	t.Helper()
	for {
		state := stay.State()
		if len(state.Lines) >= lines {
			return state
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-ctx.Done():
			t.Fatalf("%d lines of %d", len(state.Lines), lines)
		}
	}
}

// hosting counts how many of the visits each node hosts.
func (c *cluster) hosting(t *testing.T, visits [][]*Stay) []int {
	t.Helper()
	hosted := make([]int, len(c.nodes))
	for i, n := range c.nodes {
		hosted[i] = n.Hosting()
	}
	if sum := hosted[0] + hosted[1]; sum != len(visits) {
		t.Errorf("%v visits hosted of %d", hosted, len(visits))
	}
	return hosted
}
