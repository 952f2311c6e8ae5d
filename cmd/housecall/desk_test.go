package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"housecall/auth"
	"housecall/platform/store"
	"housecall/platform/store/storetest"
)

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	goleak.VerifyTestMain(storetest.Both(m))
}

// desk runs subcommands on a folder and a database of its own.
type desk struct {
	t        *testing.T
	data     string
	database string
}

func newDesk(t *testing.T) desk { return desk{t, filepath.Join(t.TempDir(), "data"), storetest.URL(t)} }

// plainDesk is for what asks the database nothing that newDesk's tests don't: it is played on SQLite alone.
func plainDesk(t *testing.T) desk {
	return desk{t, filepath.Join(t.TempDir(), "data"), filepath.Join(t.TempDir(), "housecall.db")}
}

// do runs one command line and wants this exit status.
func (d desk) do(status int, args ...string) (stdout, stderr string) {
	d.t.Helper()
	var out, errs bytes.Buffer
	if got := run(d.t.Context(), append(args, "--data", d.data, "--database", d.database), &out, &errs); got != status {
		d.t.Errorf("housecall %s: status %d, want %d; %s%s", strings.Join(args, " "), got, status, out.String(), errs.String())
	}
	return out.String(), errs.String()
}

// json runs one command line with --json and reads what it prints.
func (d desk) json(to any, args ...string) {
	d.t.Helper()
	out, _ := d.do(0, append(args, "--json")...)
	if err := json.Unmarshal([]byte(out), to); err != nil {
		d.t.Fatalf("housecall %s --json: %v in %s", strings.Join(args, " "), err, out)
	}
}

type shownVisit struct {
	ID, State   string
	StartsAt    string `json:"starts_at"`
	Invitations []struct {
		ID, Name, Role, Link string
		Generation           int
		RevokedAt            string `json:"revoked_at"`
	}
}

// nextYear is the year of these examples: visits are planned two years ahead at most.
func nextYear() string { return strconv.Itoa(time.Now().Year() + 1) }

// create is a command line that makes a visit, and what else it is given.
func create(more ...string) []string {
	return append([]string{"visit", "create", "--service", "Cardiology", "--start", nextYear() + "-11-24 15:00",
		"--patient", "Sample Patient", "--clinician", "Dr. Sample", "--guest", "Sample Aunt", "--guest", "Sample Uncle"}, more...)
}

func TestVisitCommands(t *testing.T) {
	d := newDesk(t)
	year := nextYear()
	out, _ := d.do(0, create("--time-zone", "Europe/Berlin", "--public-url", "https://visits.example/")...)
	if lines := strings.Split(out, "\n"); len(lines) != 9 || lines[1] != "Cardiology, "+year+"-11-24 15:00 to "+year+"-11-24 15:30 (Europe/Berlin), scheduled" ||
		!regexp.MustCompile(`^clinician  Dr\. Sample      https://visits\.example/v#[-_A-Za-z0-9]{22}$`).MatchString(lines[5]) {
		t.Errorf("created:\n%s", out)
	}
	var all []shownVisit
	d.json(&all, "visit", "list")
	if len(all) != 1 || all[0].StartsAt != year+"-11-24T14:00:00Z" || len(all[0].Invitations) != 4 || all[0].Invitations[0].Link != "" {
		t.Fatalf("list: %+v", all)
	}
	id, patient := all[0].ID, all[0].Invitations[0].ID
	if out, _ := d.do(0, "visit", "list", "--time-zone", "Europe/Berlin"); !strings.HasPrefix(out, "ID ") || !strings.Contains(out, id+"  "+year+"-11-24 15:00  30       scheduled  4       Cardiology\n") {
		t.Errorf("list:\n%s", out)
	}
	for args, want := range map[string]int{"--from " + year + "-11-24": 1, "--from " + year + "-11-25": 0, "--to " + year + "-11-24T14:00:00Z": 0, "--state scheduled": 1, "--state ended": 0} {
		d.json(&all, append([]string{"visit", "list"}, strings.Fields(args)...)...)
		if len(all) != want {
			t.Errorf("list %s: %d visits", args, len(all))
		}
	}
	link := func(args ...string) string {
		out, _ := d.do(0, append([]string{"visit", "resend", id, patient, "--public-url", "https://visits.example"}, args...)...)
		_, l, _ := strings.Cut(strings.TrimSpace(out), "https://")
		return l
	}
	first := link()
	if !strings.Contains(out, first) || link() != first {
		t.Errorf("the same link is %q, not in\n%s", first, out)
	}
	if second := link("--new-link"); second == first || link() != second {
		t.Error("no new link")
	}
	invited, _ := d.do(0, "visit", "invite", id, "--role", "guest", "--name", "Sample Guest", "--public-url", "https://visits.example")
	if !strings.HasPrefix(invited, "guest") || !strings.Contains(invited, "https://visits.example/v#") {
		t.Errorf("invite: %s", invited)
	}
	if _, errs := d.do(2, "visit", "invite", id, "--role", "guest", "--name", "Sample Guest", "--language", "tlh"); !strings.Contains(errs, ": --language must be one of the languages there are: en") {
		t.Errorf("invite in Klingon: %s", errs)
	}
	if _, errs := d.do(2, "visit", "invite", id, "--role", "king", "--name", "Sample Guest"); !strings.Contains(errs, ": --role must be patient,") {
		t.Errorf("invite a king: %s", errs)
	}
	if out, _ := d.do(0, "visit", "show", id); !strings.Contains(out, "\nLinks work from "+year+"-11-24 13:30 to "+year+"-11-24 16:30\n\n") {
		t.Errorf("show:\n%s", out)
	}
	d.do(0, "visit", "revoke", id, patient)
	if _, errs := d.do(1, "visit", "resend", id, patient); errs != "housecall visit resend: This invitation was withdrawn. Invite the person again.\n" {
		t.Errorf("resend: %s", errs)
	}
	d.do(0, "visit", "revoke", "--json", id)
	var v shownVisit
	d.json(&v, "visit", "show", id)
	if v.State != "cancelled" || v.Invitations[0].RevokedAt == "" || v.Invitations[0].Generation != 2 || v.Invitations[1].RevokedAt != "" {
		t.Errorf("show: %+v", v)
	}
	if out, _ := d.do(0, "visit", "show", id); !strings.Contains(out, "Sample Patient  withdrawn ") || !strings.Contains(out, "Dr. Sample      over\n") ||
		!strings.Contains(out, ", cancelled\n\nINVITATION") || strings.Contains(out, "Links work") {
		t.Errorf("show:\n%s", out)
	}
}

// TestLanguageAndBirthDateOptions: the language is the family's, and a birth date may be known without links asking for it.
func TestLanguageAndBirthDateOptions(t *testing.T) {
	d := plainDesk(t)
	asks := map[string]bool{"": false, "--birth-date 2012-05-31": true, "--birth-date 2012-05-31 --ask-birth-date=false": false, "--ask-birth-date --birth-date 2012-05-31": true}
	for args, want := range asks {
		var v struct {
			AskBirthDate bool `json:"ask_birth_date"`
			Invitations  []struct{ Role, Language string }
		}
		d.json(&v, create(append(strings.Fields(args), "--language", "en")...)...)
		if v.AskBirthDate != want {
			t.Errorf("with %q links ask: %v", args, v.AskBirthDate)
		}
		for _, i := range v.Invitations {
			if reads := map[bool]string{true: "", false: "en"}[i.Role == "clinician"]; i.Language != reads {
				t.Errorf("the %s reads %q", i.Role, i.Language)
			}
		}
	}
}

// TestResendOfALockedLink: the link is printed, and that it does not work is said beside it, also to programs.
func TestResendOfALockedLink(t *testing.T) {
	d := newDesk(t)
	d.do(0, create("--birth-date", "2012-05-31")...)
	var all []shownVisit
	d.json(&all, "visit", "list")
	resend := []string{"visit", "resend", all[0].ID, all[0].Invitations[0].ID, "--public-url", "https://visits.example"}
	if _, errs := d.do(0, resend...); errs != "" {
		t.Errorf("a link that works: %s", errs)
	}
	db := storetest.Open(t, d.database, store.Options{})
	if _, err := db.ExecContext(t.Context(), `UPDATE invitations SET tries = 5 WHERE id = ?`, all[0].Invitations[0].ID); err != nil {
		t.Fatal(err)
	}
	for _, more := range [][]string{nil, {"--json"}} {
		out, errs := d.do(0, append(resend, more...)...)
		if !strings.Contains(out, "https://visits.example/v#") || errs != "housecall visit resend: this link is locked after wrong dates of birth; make another with --new-link\n" {
			t.Errorf("%v: printed %q, said %q", more, out, errs)
		}
	}
	if _, errs := d.do(0, append(resend, "--new-link")...); errs != "" {
		t.Errorf("the new link: %s", errs)
	}
}

func TestKeyCommands(t *testing.T) {
	d := plainDesk(t)
	out, _ := d.do(0, "key", "create", "Hospital system", "--scopes", "visit.read, visit.schedule", "--days", "20")
	secret, _, _ := strings.Cut(out, "\n")
	if !strings.HasPrefix(secret, "hc_") || len(secret) < 40 {
		t.Errorf("created:\n%s", out)
	}
	var keys []keyJSON
	d.json(&keys, "key", "list")
	if len(keys) != 1 || keys[0].Name != "Hospital system" || keys[0].Secret != "" || keys[0].RevokedAt != nil {
		t.Fatalf("keys %+v", keys)
	}
	if out, _ := d.do(0, "key", "list"); strings.Contains(out, secret) || !strings.Contains(out, "never      expiring  visit.read,visit.schedule  Hospital system\n") {
		t.Errorf("list:\n%s", out)
	}
	d.do(0, "key", "revoke", keys[0].ID)
	d.do(1, "key", "revoke", keys[0].ID)
	d.json(&keys, "key", "list")
	if keys[0].RevokedAt == nil {
		t.Error("the key is not revoked")
	}
	var made keyJSON
	d.json(&made, "key", "create", "Another", "--scopes", "all")
	if !strings.HasPrefix(made.Secret, "hc_") || made.State != "works" || made.ExpiresAt == nil || !slices.Contains(made.Scopes, auth.VisitRevoke) {
		t.Errorf("made %+v", made)
	}
}

// TestCalledWrongly: one line that says what to do, and nothing is made.
func TestCalledWrongly(t *testing.T) {
	for name, c := range map[string]struct {
		args   []string
		status int
		want   string
	}{
		"no subcommand":    {[]string{"visit"}, 2, "Usage: housecall visit COMMAND"},
		"no such":          {[]string{"visit", "move"}, 2, "Usage: housecall visit COMMAND"},
		"no such option":   {create("--minuts", "30"), 2, "flag provided but not defined"},
		"no start":         {[]string{"visit", "create", "--service", "x"}, 2, "housecall visit create: --start is missing\n"},
		"start a word":     {create("--start", "tomorrow"), 2, `housecall visit create: --start: "tomorrow" is no time; write it as in "2026-11-24 15:00" or 2026-11-24T15:00:00+01:00` + "\n"},
		"no such zone":     {create("--time-zone", "Moon/Base"), 2, "housecall visit create: --time-zone: there is no \"Moon/Base\"\n"},
		"too short":        {create("--minutes", "1"), 2, "housecall visit create: --minutes must be from 5 to 480\n"},
		"long ago":         {create("--start", "2020-11-24 15:00"), 2, "housecall visit create: --start is so long ago"},
		"no service":       {create("--service", " "), 2, "housecall visit create: --service is needed\n"},
		"a blank person":   {create("--guest", " "), 2, "housecall visit create: --guest is needed\n"},
		"odd language":     {create("--language", "tlh"), 2, "housecall visit create: --language must be one of the languages there are: en"},
		"odd birth date":   {create("--birth-date", "31 May"), 2, "housecall visit create: --birth-date must be a day as in 2012-05-31\n"},
		"nobody":           {[]string{"visit", "create", "--service", "x", "--start", nextYear() + "-11-24"}, 2, "housecall visit create: people (--patient, --clinician and so on) must be from 2 to 10\n"},
		"several":          {create("--minutes", "1", "--service", " "), 2, "housecall visit create: --minutes must be from 5 to 480; --service is needed\n"},
		"an argument":      {create("now"), 2, "housecall visit create: \"now\" is too much; put quotes around what has spaces\n"},
		"no id":            {[]string{"visit", "show"}, 2, "housecall visit show: VISIT is missing\n"},
		"no invitation":    {[]string{"visit", "resend", "x"}, 2, "housecall visit resend: INVITATION is missing\n"},
		"no name":          {[]string{"key", "create"}, 2, "housecall key create: NAME is missing\n"},
		"a blank name":     {[]string{"key", "create", " ", "--scopes", "all"}, 2, "housecall key create: name must"},
		"no scopes":        {[]string{"key", "create", "x"}, 2, "housecall key create: --scopes is missing"},
		"odd scopes":       {[]string{"key", "create", "x", "--scopes", "visit.enter"}, 2, "housecall key create: --scopes must be some of consent.write, figures.read, people.read, "},
		"no day":           {[]string{"key", "create", "x", "--scopes", "all", "--days", "0"}, 2, "housecall key create: --days must be"},
		"no database":      {[]string{"visit", "list"}, 1, "housecall visit list: there is no database at "},
		"no database, key": {[]string{"key", "list"}, 1, "housecall key list: there is no database at "},
		"another database": {[]string{"visit", "list", "--database", "mysql://h/d"}, 1, "housecall visit list: "},
	} {
		t.Run(name, func(t *testing.T) {
			d := desk{t: t, data: filepath.Join(t.TempDir(), "data")}
			var out, errs bytes.Buffer
			args := c.args
			if len(args) > 2 || c.status == 1 {
				args = append(args, "--data", d.data)
			}
			if status := run(t.Context(), args, &out, &errs); status != c.status || out.Len() != 0 {
				t.Errorf("status %d, want %d; printed %q", status, c.status, out.String())
			}
			if !strings.HasPrefix(errs.String(), c.want) {
				t.Errorf("said %q, want %q", errs.String(), c.want)
			}
		})
	}
	d := plainDesk(t)
	d.do(0, "key", "create", "x", "--scopes", "all")
	if _, errs := d.do(1, "visit", "show", "0193a5c0-7e1d-7c3a-9b1f-0123456789ab"); errs != "housecall visit show: there is nothing with this id\n" {
		t.Errorf("said %q", errs)
	}
	if err := os.Chmod(filepath.Join(d.data, "master.key"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, errs := d.do(1, "visit", "list"); !strings.Contains(errs, "chmod 600") || strings.Count(errs, "\n") != 1 {
		t.Errorf("said %q", errs)
	}
}

func TestOptionsFromTheEnvironment(t *testing.T) {
	d := plainDesk(t)
	t.Setenv("HOUSECALL_PUBLIC_URL", "https://from.env")
	t.Setenv("HOUSECALL_TIME_ZONE", "Europe/Berlin")
	out, errs := d.do(0, create()...)
	if !strings.Contains(out, "https://from.env/v#") || !strings.Contains(out, "(Europe/Berlin)") || errs != "" {
		t.Errorf("created:\n%s%s", out, errs)
	}
}

// TestLinksOfThisMachineOnly: whoever prints links without an address learns that nobody else can open them.
func TestLinksOfThisMachineOnly(t *testing.T) {
	d := plainDesk(t)
	said := func(command string) string {
		return "housecall visit " + command + ": links begin with http://localhost:8080, which works on this machine only; give the address people use with --public-url\n"
	}
	if _, errs := d.do(0, create()...); errs != said("create") {
		t.Errorf("create: %q", errs)
	}
	if _, errs := d.do(0, create("--json")...); errs != "" {
		t.Errorf("create for a program: %q", errs)
	}
	var all []shownVisit
	d.json(&all, "visit", "list")
	id, person := all[0].ID, all[0].Invitations[0].ID
	for command, args := range map[string][]string{"resend": {person}, "invite": {"--role", "guest", "--name", "Sample Guest"}} {
		args = append([]string{"visit", command, id}, args...)
		if _, errs := d.do(0, args...); errs != said(command) {
			t.Errorf("%s: %q", command, errs)
		}
		if _, errs := d.do(0, append(args, "--public-url", "http://localhost:8080")...); errs != "" {
			t.Errorf("%s with an address: %q", command, errs)
		}
	}
	for _, command := range [][]string{{"list"}, {"show", id}} {
		if _, errs := d.do(0, append([]string{"visit"}, command...)...); errs != "" {
			t.Errorf("%v prints no links but said %q", command, errs)
		}
	}
}
