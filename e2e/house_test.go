package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"housecall/cmd/housecall/server"
)

// House is a whole server in this process, with an API key to schedule visits by; browsers come to it through its door and its wire.
type House struct {
	t      *testing.T
	server *server.Server
	url    string
	data   string
	key    string
	door   *door
	wire   *wire
	log    *printed
}

// printed keeps what the server logs.
type printed struct {
	mu    sync.Mutex
	lines bytes.Buffer
}

func (p *printed) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.lines.Write(b)
}

func (p *printed) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.lines.String()
}

// Names that people in these tests have; none of them may ever stand in the log.
const (
	drAda = "Dr Ada Quillfeather"
	robin = "Robin Larkspur"
	kit   = "Kit Larkspur"
	noor  = "Noor Hazelwood"
)

// openHouse starts a server on a free port, reachable as localhost, which browsers trust with a camera.
func openHouse(t *testing.T, options ...func(*server.Config)) *House {
	t.Helper()
	h := &House{t: t, data: t.TempDir(), log: new(printed)}
	var err error
	if h.door, err = newDoor(); err != nil {
		t.Fatal(err)
	}
	h.url = h.door.url()
	t.Cleanup(h.door.close)
	config := server.Config{
		Listen:    ":0",
		PublicURL: h.url,
		Data:      h.data,
		Site:      "Example Children’s Hospital",
		UDPOnly:   true, // whatever is not on the wire of these tests nobody could count, or cut
		Logger:    slog.New(slog.NewTextHandler(h.log, nil)),
		WrapUDP: func(conn net.PacketConn) net.PacketConn {
			h.wire = newWire(conn)
			return h.wire
		},
	}
	for _, each := range options {
		each(&config)
	}
	s, err := server.New(context.WithoutCancel(t.Context()), config)
	if err != nil {
		t.Fatal(err)
	}
	h.server = s
	// Pages and websockets are on the port of the same number as media.
	h.door.open(net.JoinHostPort("127.0.0.1", strconv.Itoa(h.wire.LocalAddr().(*net.UDPAddr).Port)))
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		log := h.log.String()
		for _, name := range []string{"Quillfeather", "Larkspur", "Hazelwood"} {
			if strings.Contains(log, name) {
				t.Errorf("the server's log has the name %s", name)
			}
		}
		if t.Failed() {
			t.Logf("the server's log, without its static files:\n%s", regexp.MustCompile(`(?m)^.*route="GET /static/".*\n`).ReplaceAllString(log, ""))
		}
	})
	var key struct{ Secret string }
	h.command(&key, "key", "create", "browser tests", "--scopes", "all")
	h.key = key.Secret
	return h
}

// of is the same house, for a part of its test that runs beside others.
func (h *House) of(t *testing.T) *House {
	other := *h
	other.t = t
	return &other
}

// command runs the housecall program on the server's data and decodes the JSON it prints into result, unless that is nil.
func (h *House) command(result any, args ...string) {
	h.t.Helper()
	binary, err := world.binary()
	if err != nil {
		h.t.Fatal(err)
	}
	cmd := exec.CommandContext(h.t.Context(), binary, append(args, "--json")...)
	cmd.Env = append(os.Environ(), "HOUSECALL_DATA="+h.data)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		h.t.Fatalf("housecall %s: %v: %s", strings.Join(args, " "), err, &said)
	}
	if result == nil {
		return
	}
	if err := json.Unmarshal(out, result); err != nil {
		h.t.Fatalf("housecall %s: %v: %s", strings.Join(args, " "), err, out)
	}
}

// Booked is a visit as its scheduler knows it.
type Booked struct {
	ID          string `json:"id"`
	Invitations []struct {
		ID   string `json:"id"`
		Name string `json:"name"`
		Link string `json:"link"`
	} `json:"invitations"`
}

// link is somebody's.
func (b Booked) link(t *testing.T, name string) string {
	t.Helper()
	for _, each := range b.Invitations {
		if each.Name == name {
			return each.Link
		}
	}
	t.Fatalf("nobody called %s was invited", name)
	return ""
}

// invited is somebody's invitation.
func (b Booked) invited(t *testing.T, name string) string {
	t.Helper()
	for _, each := range b.Invitations {
		if each.Name == name {
			return each.ID
		}
	}
	t.Fatalf("nobody called %s was invited", name)
	return ""
}

// book schedules a visit that starts so long from now, for a clinician, a patient and whoever else (name, role, name, role …).
func (h *House) book(in time.Duration, more ...string) Booked {
	h.t.Helper()
	return h.bookWith(nil, in, more...)
}

// bookAsking schedules a visit whose links ask for the patient's date of birth.
func (h *House) bookAsking(birthDate string, in time.Duration, more ...string) Booked {
	h.t.Helper()
	return h.bookWith(map[string]any{"ask_birth_date": true, "birth_date": birthDate}, in, more...)
}

// bookWith schedules a visit of which more is known than who comes and when.
func (h *House) bookWith(known map[string]any, in time.Duration, more ...string) Booked {
	h.t.Helper()
	people := []map[string]string{{"name": drAda, "role": "clinician"}, {"name": robin, "role": "patient"}}
	for i := 0; i+1 < len(more); i += 2 {
		people = append(people, map[string]string{"name": more[i], "role": more[i+1]})
	}
	request := map[string]any{
		"service": "Cardiology", "starts_at": time.Now().Add(in).UTC().Truncate(time.Second), "minutes": 30, "people": people,
	}
	maps.Copy(request, known)
	var booked Booked
	h.api(http.MethodPost, "/api/v1/visits", request, &booked)
	return booked
}

// api calls the JSON API as a hospital's own system does.
func (h *House) api(method, path string, body, result any) {
	h.t.Helper()
	var payload io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			h.t.Fatal(err)
		}
		payload = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(h.t.Context(), method, h.url+path, payload)
	if err != nil {
		h.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+h.key)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	if resp.StatusCode >= 300 {
		h.t.Fatalf("%s %s: %s: %s", method, path, resp.Status, answer)
	}
	if result == nil {
		return
	}
	if err := json.Unmarshal(answer, result); err != nil {
		h.t.Fatal(fmt.Errorf("%s %s: %w: %s", method, path, err, answer))
	}
}
