package server_test

import (
	"context"
	"io"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"housecall/auth"
	"housecall/cmd/housecall/server"
	"housecall/loadtest"
	"housecall/visits"
)

// scrape reads a server's metrics: the value of each series, by its name with labels.
func scrape(t *testing.T, s *server.Server) map[string]float64 {
	t.Helper()
	response, err := http.Get("http://" + s.AdminAddr().String() + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	page, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("metrics: %d, %v\n%s", response.StatusCode, err, page)
	}
	series := map[string]float64{}
	for line := range strings.Lines(string(page)) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok || name == "#" {
			continue
		}
		if i := strings.LastIndex(line, "} "); i >= 0 { // labels may hold spaces
			name, value = line[:i+1], strings.TrimSpace(line[i+2:])
		}
		if series[name], err = strconv.ParseFloat(value, 64); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
	}
	return series
}

// TestMetrics plays a visit and finds it in the metrics, counted once, and with nobody's name; and finds each metric described for operators.
func TestMetrics(t *testing.T) {
	s := open(t, server.Config{AdminListen: "127.0.0.1:0"})
	_, links, err := s.Visits.Create(t.Context(), auth.Operator(), visits.Request{Service: "Canary Cardiology", StartsAt: time.Now(), Minutes: 30,
		People: []visits.Person{{Name: "Dr. Canary", Role: auth.Clinician}, {Name: "Dr. Sample", Role: auth.Clinician}, {Name: "Patient Canary", Role: auth.Patient}}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var clients []*loadtest.Client
	for _, l := range links {
		visitor, err := loadtest.Redeem(ctx, http.DefaultClient, l.URL, "")
		if err != nil {
			t.Fatal(err)
		}
		pass, err := visitor.Pass(ctx)
		if err != nil {
			t.Fatal(err)
		}
		client, err := visitor.Join(ctx, pass, loadtest.Options{Sends: true})
		if err != nil {
			t.Fatal(err)
		}
		clients = append(clients, client)
	}
	for _, c := range clients[:2] {
		if _, err := c.Wait(ctx, func(s loadtest.State) bool { return s.Messages["speaking"] > 0 && s.Sent > 100 }); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := clients[2].Wait(ctx, func(s loadtest.State) bool { return s.Place == "waiting" && s.Steps.Connected > 0 }); err != nil {
		t.Fatal(err)
	}
	during := scrape(t, s)
	for during[`housecall_media_round_trip_seconds{quantile="1"}`] == 0 && ctx.Err() == nil { // measured from time to time
		during = scrape(t, s)
	}
	for name, want := range map[string]float64{
		`housecall_rooms`: 1, `housecall_people{place="visit"}`: 2, `housecall_people{place="waiting"}`: 1, `housecall_participants`: 3,
		`housecall_websockets{known="yes"}`: 3, `housecall_websockets{known="no"}`: 0, `housecall_up{part="database"}`: 1,
		`housecall_peers{connected="yes"}`: 3, `housecall_http_requests_total{method="POST",route="POST /api/v1/join",status="200"}`: 3,
	} {
		if during[name] != want {
			t.Errorf("%s is %v, want %v", name, during[name], want)
		}
	}
	for _, c := range clients {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	var after map[string]float64
	for after = scrape(t, s); after[`housecall_participants`] > 0 || after[`housecall_peers{connected="yes"}`] > 0; after = scrape(t, s) {
		if ctx.Err() != nil {
			t.Fatalf("they left, and are still counted: %v", after)
		}
	}
	for _, direction := range []string{"in", "out"} {
		name := `housecall_media_packets_total{direction="` + direction + `",kind="video"}`
		if during[name] == 0 || after[name] < during[name] {
			t.Errorf("%s was %v, then %v", name, during[name], after[name])
		}
	}
	if names := strings.Join(slices.Collect(maps.Keys(after)), "\n"); strings.Contains(names, "Canary") || strings.Contains(names, s.URL()) {
		t.Errorf("a name is in the metrics:\n%s", names)
	}
	maps.Copy(during, after)
	documented(t, during)
}

// documented compares series with the table in docs/operating.md.
func documented(t *testing.T, series map[string]float64) {
	t.Helper()
	page, err := os.ReadFile("../../../docs/operating.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]bool{}
	for _, row := range regexp.MustCompile("(?m)^\\| `(housecall_[a-z_]+)").FindAllStringSubmatch(string(page), -1) {
		rows[row[1]] = false
	}
	for name := range series {
		base, _, _ := strings.Cut(name, "{")
		for _, suffix := range []string{"_bucket", "_sum", "_count"} {
			base = strings.TrimSuffix(base, suffix)
		}
		if !strings.HasPrefix(base, "housecall_") {
			continue // of Go and the process
		}
		if _, ok := rows[base]; !ok {
			t.Errorf("docs/operating.md does not describe %s", base)
		}
		rows[base] = true
	}
	for name, seen := range rows {
		if !seen {
			t.Errorf("docs/operating.md describes %s, which does not exist", name)
		}
	}
}
