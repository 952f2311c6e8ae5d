package figures_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"housecall/platform/store"
	"housecall/visits"
	"housecall/visits/figures"
)

// TestForPrograms: programs read what the page and its tables show, and nothing of few visits.
func TestForPrograms(t *testing.T) {
	h := newHouse(t)
	october := visit{state: "ended", starts: now.AddDate(0, -1, 0), language: "es", service: "a", came: time.Second, in: 91 * time.Second}
	unlucky, september := october, visit{state: "no_show", starts: now.AddDate(0, -2, 0), service: "b", interprets: "requested"}
	unlucky.bad = true
	h.add(t, october, october, october, october, unlucky, visit{state: "no_show", starts: october.starts, service: "a", came: time.Second}, september)
	h.queue.RunDue(t.Context())
	for range 5 {
		err := h.db.Tx(t.Context(), func(tx *store.Tx) error {
			return h.CountAnswers(t.Context(), tx, visits.Visit{StartsAt: october.starts}, nil, map[string]string{figures.Worked: "yes"})
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	told := `{"took_place":5,"no_show":1,"cancelled":0,"failed":1,"bad_connection":1,"interpreter":0,"joins":5,"joins_without_help":5,"waits":5},
		"wait":{"median_seconds":90,"p90_seconds":90},"worked":{"yes":5,"partly":0,"no":0}`
	const none = `{"took_place":0,"no_show":0,"cancelled":0,"failed":0,"bad_connection":0,"interpreter":0,"joins":0,"joins_without_help":0,"waits":0}`
	h.tells(t, "?from=2026-09-01&to=2026-10-31", `{"from":"2026-09-01","to":"2026-10-31","rows":[{"start":"2026-09-01","visits":1,"untold":1},{"start":"2026-10-01","visits":6,"counts":`+told+`}],
		"all":{"visits":7,"untold":1,"counts":`+told+`},"languages":[{"language":"es","visits":5},{"language":"mul","visits":2}]}`)
	h.tells(t, "?from=2026-09-24&to=2026-10-04&by=week&site_id=here", `{"from":"2026-09-24","to":"2026-10-04","rows":[{"start":"2026-09-21","visits":0,"counts":`+none+`},
		{"start":"2026-09-28","visits":0,"counts":`+none+`}],"all":{"visits":0,"counts":`+none+`},"languages":[]}`)
	h.tells(t, "?from=2026-09-01&to=2026-09-30&service_id=b", `{"from":"2026-09-01","to":"2026-09-30","rows":[{"start":"2026-09-01","visits":1,"untold":1}],
		"all":{"visits":1,"untold":1},"languages":[{"language":"mul","visits":1}]}`)
	if status, body := h.get(t, "/api/v1/figures"); status != 200 || !strings.HasPrefix(body, `{"from":"2025-12-01","to":"2026-11-28","rows":[{"start":"2025-12-01",`) || strings.Count(body, `"start":`) != 12 {
		t.Errorf("as the page: %d %s", status, body)
	}
	for _, wrong := range []string{"from=yesterday", "to=2026-02-30", "from=", "from=2026-11-02&to=2026-11-01", "from=1900-01-01", "from=2026-11-01&from=2026-11-02", "by=day", "by=", "site_id=there",
		"service_id=here", "site=here", "service=a", "of=languages"} {
		if status, body := h.get(t, "/api/v1/figures?"+wrong); status != 422 || !strings.Contains(body, `"code":"not_valid"`) || !strings.Contains(body, `"errors":[{`) {
			t.Errorf("%s: %d %s", wrong, status, body)
		}
	}
	var read int
	err := h.db.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM audit WHERE actor_kind = 'api_key' AND actor_id = ? AND action = 'figures.read' AND outcome = 'allowed'`, program.ID).Scan(&read)
	if err != nil || read < 4 {
		t.Errorf("the audit has %d of what a program read: %v", read, err)
	}
}

// tells asks for figures as a program.
func (h *house) tells(t *testing.T, query, want string) {
	t.Helper()
	status, body := h.get(t, "/api/v1/figures"+query)
	var got, wanted any
	if err := json.Unmarshal([]byte(want), &wanted); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(body), &got); err != nil || status != 200 || !reflect.DeepEqual(got, wanted) {
		t.Errorf("%s: %d %s, want %s", query, status, body, want)
	}
}
