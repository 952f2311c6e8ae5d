// Package faults plays visits on two and three real nodes behind a real load balancer, with a real Redis and PostgreSQL, and does to them what
// docs/operating.md promises they survive. It measures at the receivers, from RTP that arrived. What the short run leaves out, `make faults` plays.
package faults

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"housecall/loadtest"
	"housecall/platform/store/storetest"
)

// patience bounds every wait for what must come. It bounds failures; what is measured is measured apart.
const patience = 2 * time.Minute

// mostStarts is how often a node is started before its not starting is a failure.
const mostStarts = 3

// process is a program that a test runs and may hurt.
type process struct {
	*exec.Cmd
	ended chan struct{}
}

// run starts a program that ends with the test, and with whatever runs the test.
func run(t *testing.T, log, name string, args ...string) *process {
	t.Helper()
	out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	p := &process{Cmd: exec.Command(name, args...), ended: make(chan struct{})}
	p.Stdout, p.Stderr = out, out
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.Wait() // it may end by any signal
		close(p.ended)
	}()
	t.Cleanup(p.kill)
	return p
}

func (p *process) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := p.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// kill ends the program as a power cut would. It may have ended before.
func (p *process) kill() {
	_ = p.Process.Kill()
	<-p.ended
}

// node is one Housecall server.
type node struct {
	*process
	name             string
	port, inner, adm int
}

// hospital is several nodes, what they share, and the load balancer before them.
type hospital struct {
	t        *testing.T
	dir      string
	binary   string
	url      string // of the load balancer
	key      string // of the API
	redis    *process
	redisAt  string
	database *storetest.Cluster
	shared   []string // options that all nodes have
	nodes    []*node
	http     *http.Client
}

// open builds everything and starts so many nodes.
func open(t *testing.T, nodes int) *hospital {
	t.Helper()
	h := &hospital{t: t, dir: t.TempDir(), http: &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}}
	h.binary = filepath.Join(h.dir, "housecall")
	build := exec.Command("go", "build", "-trimpath", "-o", h.binary, "housecall/cmd/housecall") // as `make build` does, so that nothing is compiled twice
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if said, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, said)
	}
	h.redisAt = "127.0.0.1:" + strconv.Itoa(freePort(t))
	_, port, _ := net.SplitHostPort(h.redisAt)
	h.redis = run(t, filepath.Join(h.dir, "redis.log"), "redis-server", "--bind", "127.0.0.1", "--port", port, "--save", "", "--appendonly", "no")
	h.database = storetest.NewCluster(t, "fsync=off")
	web := freePort(t)
	h.url = "http://127.0.0.1:" + strconv.Itoa(web)
	h.shared = []string{"--database", h.database.URL(t), "--key-file", filepath.Join(h.dir, "master.key"), "--public-url", h.url}
	for i := range nodes {
		h.nodes = append(h.nodes, &node{name: string(rune('a' + i)), port: freePort(t), inner: freePort(t), adm: freePort(t)})
	}
	for _, n := range h.nodes {
		h.start(n)
	}
	h.balance(web)
	created, err := exec.Command(h.binary, append([]string{"key", "create", "faults", "--scopes", "all", "--json", "--data", h.dir}, h.shared[:4]...)...).Output()
	if err != nil {
		t.Fatalf("make a key: %v", err)
	}
	var key struct{ Secret string }
	if err := json.Unmarshal(created, &key); err != nil {
		t.Fatal(err)
	}
	h.key = key.Secret
	h.until("the load balancer passes on", func() bool { return h.status(h.url+"/livez") == http.StatusOK })
	return h
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// start starts a node, or starts it anew, and waits until it is ready. As a supervisor does, it starts one again that has ended.
func (h *hospital) start(n *node) {
	h.t.Helper()
	starts := 1
	n.process = h.serve(n)
	h.until("node "+n.name+" is ready", func() bool {
		select {
		case <-n.ended:
			if starts++; starts > mostStarts {
				said, _ := os.ReadFile(filepath.Join(h.dir, n.name+".log"))
				h.t.Fatalf("node %s has ended:\n%s", n.name, said)
			}
			n.process = h.serve(n)
		default:
		}
		return h.status(n.at("/readyz")) == http.StatusOK
	})
}

// serve runs a node.
func (h *hospital) serve(n *node) *process {
	h.t.Helper()
	loopback := func(port int) string { return "127.0.0.1:" + strconv.Itoa(port) }
	return run(h.t, filepath.Join(h.dir, n.name+".log"), h.binary, append([]string{"serve", "--data", filepath.Join(h.dir, n.name), "--listen", loopback(n.port),
		"--node-listen", loopback(n.inner), "--admin-listen", loopback(n.adm), "--redis", "redis://" + h.redisAt, "--trusted-proxy", "127.0.0.1"}, h.shared...)...)
}

// at is an address of a node, past the load balancer.
func (n *node) at(path string) string { return "http://127.0.0.1:" + strconv.Itoa(n.port) + path }

// balance starts HAProxy as docs/operating.md says.
func (h *hospital) balance(port int) {
	h.t.Helper()
	config := fmt.Sprintf(`defaults
  mode http
  timeout connect 1s
  timeout client 1m
  timeout server 1m
  timeout tunnel 1h
  option forwardfor
  option redispatch 1
  retries 2
frontend web
  bind 127.0.0.1:%d
  default_backend housecall
backend housecall
  balance leastconn
  option httpchk GET /readyz/node
  default-server check inter 500ms fall 2 rise 1 on-marked-down shutdown-sessions
`, port)
	for _, n := range h.nodes {
		config += fmt.Sprintf("  server %s 127.0.0.1:%d\n", n.name, n.port)
	}
	path := filepath.Join(h.dir, "haproxy.cfg")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		h.t.Fatal(err)
	}
	run(h.t, filepath.Join(h.dir, "haproxy.log"), "haproxy", "-db", "-f", path)
}

func (h *hospital) until(what string, holds func() bool) {
	h.t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			h.t.Fatalf("never happened: %s", what)
		}
	}
}

// status is what an address answers; 0: nothing.
func (h *hospital) status(url string) int {
	response, err := h.http.Get(url)
	if err != nil {
		return 0
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, response.Body)
	return response.StatusCode
}

var roomsMetric = regexp.MustCompile(`(?m)^housecall_rooms ([0-9.e+]+)$`)

// rooms is how many visits live on a node.
func (h *hospital) rooms(n *node) int {
	h.t.Helper()
	response, err := h.http.Get("http://127.0.0.1:" + strconv.Itoa(n.adm) + "/metrics")
	if err != nil {
		h.t.Fatal(err)
	}
	defer response.Body.Close()
	page, err := io.ReadAll(response.Body)
	found := roomsMetric.FindSubmatch(page)
	if err != nil || found == nil {
		h.t.Fatalf("metrics without rooms: %v", err)
	}
	count, err := strconv.ParseFloat(string(found[1]), 64)
	if err != nil {
		h.t.Fatal(err)
	}
	return int(count)
}

// fullest is the node with the most visits, and how many.
func (h *hospital) fullest() (*node, int) {
	h.t.Helper()
	most, count := h.nodes[0], -1
	for _, n := range h.nodes {
		if c := h.rooms(n); c > count {
			most, count = n, c
		}
	}
	return most, count
}

// visit is two people in a visit.
type visit struct {
	people [2]*loadtest.Stay // the clinician and the patient
}

// plan makes a visit and has its people come; they may not be there yet.
func (h *hospital) plan() *visit {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.t.Context(), patience)
	defer cancel()
	var links []string
	h.until("a visit is made", func() bool {
		var err error
		links, err = h.schedule(ctx)
		return err == nil
	})
	v := &visit{}
	for i, link := range links {
		var visitor *loadtest.Visitor
		h.until("a link is redeemed", func() bool {
			var err error
			visitor, err = loadtest.Redeem(ctx, h.http, link, "")
			return err == nil
		})
		v.people[i] = visitor.Stay(loadtest.Options{Sends: true, Light: true, Admits: i == 0})
		h.t.Cleanup(func() {
			if err := v.people[i].Leave(); err != nil && !h.t.Failed() {
				h.t.Errorf("leaving: %v", err)
			}
		})
	}
	return v
}

// schedule makes a visit and returns the links of its clinician and its patient.
func (h *hospital) schedule(ctx context.Context) ([]string, error) {
	body, err := json.Marshal(map[string]any{"service": "Cardiology", "starts_at": time.Now().UTC().Truncate(time.Second), "minutes": 60,
		"people": []map[string]string{{"name": "Sample Clinician", "role": "clinician"}, {"name": "Sample Patient", "role": "patient"}}})
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, h.url+"/api/v1/visits", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+h.key)
	response, err := h.http.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	var made struct {
		Invitations []struct{ Link string }
	}
	if err := json.NewDecoder(response.Body).Decode(&made); err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusCreated || len(made.Invitations) != 2 {
		return nil, errors.New("not made: " + response.Status)
	}
	var links []string
	for _, i := range made.Invitations {
		links = append(links, strings.TrimSpace(i.Link))
	}
	return links, nil
}

// flush empties Redis.
func (h *hospital) flush() {
	h.t.Helper()
	h.until("Redis is emptied", func() bool {
		conn, err := net.Dial("tcp", h.redisAt)
		if err != nil {
			return false
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
		if _, err := io.WriteString(conn, "FLUSHALL\r\n"); err != nil {
			return false
		}
		answer := make([]byte, 16)
		n, _ := conn.Read(answer)
		return strings.HasPrefix(string(answer[:n]), "+OK")
	})
}
