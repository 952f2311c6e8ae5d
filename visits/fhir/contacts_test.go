package fhir_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"housecall/auth"
	"housecall/platform/people"
	"housecall/platform/phi"
)

// kept is a patient past FHIR, without what counts changes.
func (h *hospital) kept(id string) people.Patient {
	h.t.Helper()
	p, err := h.People.Show(h.t.Context(), auth.Operator(), id)
	if err != nil {
		h.t.Fatal(err)
	}
	p.Version, p.ChangedAt = 0, time.Time{}
	return p
}

// add adds a patient past FHIR.
func (h *hospital) add(contacts ...people.Contact) people.Patient {
	h.t.Helper()
	_, number := h.child()
	p, err := h.People.Create(h.t.Context(), auth.Operator(), people.Patient{Name: "Canary Patientname", BirthDate: "2012-05-31", Language: "es", Number: phi.Text(number), Contacts: contacts})
	if err != nil {
		h.t.Fatal(err)
	}
	return p
}

// withoutIDs is a resource as stores keep it that drop the ids of elements.
func withoutIDs(t *testing.T, body []byte) string {
	t.Helper()
	var whole map[string]any
	if err := json.Unmarshal(body, &whole); err != nil {
		t.Fatal(err)
	}
	var drop func(any)
	drop = func(value any) {
		switch value := value.(type) {
		case []any:
			for _, one := range value {
				drop(one)
			}
		case map[string]any:
			delete(value, "id")
			for _, one := range value {
				drop(one)
			}
		}
	}
	id := whole["id"]
	drop(whole)
	whole["id"] = id
	b, err := json.Marshal(whole)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// shapes are patients with all numbers of contacts, who are reached in all ways.
func shapes() (all [][]people.Contact) {
	n := 0
	reach := func(c people.Contact) people.Contact {
		n++
		if n%3 != 0 {
			c.Phone = phi.Text(fmt.Sprintf("+1617555%04d", n))
		}
		if n%3 != 1 {
			c.Email = phi.Text(fmt.Sprintf("Reader%d@example.org", n))
		}
		c.Language = []string{"", "ar", "en", "es"}[n%4]
		return c
	}
	for own := range 4 {
		for secret := range own + 1 { // the place of the confidential one; own: there is none
			for others := range 4 {
				var contacts []people.Contact
				for i := range own {
					contacts = append(contacts, reach(people.Contact{Kind: people.Self, Confidential: i == secret, Name: phi.Text(strings.Repeat("Canary Own", i%2))}))
				}
				for i := range others {
					c := reach(people.Contact{Kind: people.Guardian, Name: phi.Text(fmt.Sprintf("Canary Guardian%d", i/2)), Relation: phi.Text(strings.Repeat("aunt", i%2))})
					contacts = append([]people.Contact{c}, contacts...)
				}
				all = append(all, contacts)
			}
		}
	}
	// Parents with one telephone, and a patient who is reached by one number in two languages.
	return append(all, []people.Contact{{Kind: people.Guardian, Name: "A", Phone: "+16175550100", Language: "es"}, {Kind: people.Guardian, Name: "B", Phone: "+16175550100", Language: "ar"}},
		[]people.Contact{{Kind: people.Self, Phone: "+16175550100", Language: "es"}, {Kind: people.Self, Phone: "+16175550100", Email: "b@example.org", Language: "ar"}})
}

// TestUnchangedPatients: what is sent back as it was told changes nobody, whether ids of elements came along or not.
func TestUnchangedPatients(t *testing.T) {
	h := open(t)
	for n, contacts := range shapes() {
		id := h.add(contacts...).ID
		was := h.kept(id)
		for _, body := range []func(told answer) string{
			func(told answer) string { return string(told.body) },
			func(told answer) string { return withoutIDs(t, told.body) },
		} {
			told := h.want(h.do("GET", "Patient/"+id, ""), http.StatusOK)
			h.want(h.do("PUT", "Patient/"+id, body(told), "If-Match", told.header.Get("ETag")), http.StatusOK)
			if now := h.kept(id); !reflect.DeepEqual(now, was) {
				t.Fatalf("shape %d: %+v became %+v by %s", n, was, now, body(told))
			}
		}
	}
}

// change sends a patient back with other ways to reach them, and returns the contacts there are then.
func (h *hospital) change(p people.Patient, element string, value any, ids bool) []people.Contact {
	h.t.Helper()
	told := h.want(h.do("GET", "Patient/"+p.ID, ""), http.StatusOK)
	if !ids {
		told.body = []byte(withoutIDs(h.t, told.body))
	}
	var whole map[string]any
	if err := json.Unmarshal(told.body, &whole); err != nil {
		h.t.Fatal(err)
	}
	whole[element] = value
	b, err := json.Marshal(whole)
	if err != nil {
		h.t.Fatal(err)
	}
	h.want(h.do("PUT", "Patient/"+p.ID, string(b)), http.StatusOK)
	return h.kept(p.ID).Contacts
}

func telecomOf(points ...string) []any {
	all := []any{}
	for _, p := range points {
		id, value, has := strings.Cut(p, " ")
		if !has {
			id, value = "", p
		}
		one := map[string]any{"system": "phone", "value": value}
		if strings.Contains(value, "@") {
			one["system"] = "email"
		}
		if id != "" {
			one["id"] = id
		}
		all = append(all, one)
	}
	return all
}

// TestOwnContactsAreKnownAgain: who is still reached stays who they were; what is new takes the place of what is gone, or is somebody's new way.
func TestOwnContactsAreKnownAgain(t *testing.T) {
	h := open(t)
	old := []people.Contact{{Kind: people.Self, Phone: "+16175550101", Language: "ar"}, {Kind: people.Self, Email: "b@example.org", Language: "en"}}
	const one, two = "+16175550101", "b@example.org"
	for name, c := range map[string]struct {
		old  []people.Contact
		told []string
		want []string // place among the old, number and address
	}{
		"in another order":                   {old, []string{two, one}, []string{"0 " + one + " ", "1  " + two}},
		"written otherwise":                  {old, []string{"617-555-0101", "B@example.org"}, []string{"0 " + one + " ", "1  B@example.org"}},
		"one is gone":                        {old, []string{two}, []string{"1  " + two}},
		"another number":                     {old, []string{"+16175550109", two}, []string{"0 +16175550109 ", "1  " + two}},
		"a number and an address more":       {old, []string{one, "+16175550109", two, "c@example.org"}, []string{"0 " + one + " ", "1  " + two, "- +16175550109 c@example.org"}},
		"to the only one":                    {old[:1], []string{one, "c@example.org"}, []string{"0 " + one + " c@example.org"}},
		"another way for the only one":       {old[:1], []string{"c@example.org"}, []string{"0  c@example.org"}},
		"none":                               {old, nil, nil},
		"for nobody":                         {nil, []string{one, two}, []string{"- " + one + " " + two}},
		"values changed places, with ids":    {[]people.Contact{old[0], {Kind: people.Self, Phone: "+16175550102"}}, []string{"0.phone +16175550102", "1.phone " + one}, []string{"0 +16175550102 ", "1 " + one + " "}},
		"changed by its id, kept as another": {old[:1], []string{"0.phone +16175550109", one}, []string{"0 +16175550109 ", "- " + one + " "}},
	} {
		p := h.add(c.old...)
		for i := range c.told {
			for n := range p.Contacts {
				c.told[i] = strings.Replace(c.told[i], fmt.Sprintf("%d.phone", n), p.Contacts[n].ID+".phone", 1)
			}
		}
		var got []string
		for _, now := range h.change(p, "telecom", telecomOf(c.told...), true) {
			who := "-"
			for n, was := range p.Contacts {
				if was.ID == now.ID {
					who = fmt.Sprint(n)
					if was.Language != now.Language {
						t.Errorf("%s: %q became %q", name, was.Language, now.Language)
					}
				}
			}
			got = append(got, who+" "+now.Phone.Reveal()+" "+now.Email.Reveal())
		}
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// TestGuardiansAreKnownAgain: without ids they are by how they are reached and called, where that is one alone.
func TestGuardiansAreKnownAgain(t *testing.T) {
	h := open(t)
	const one, two = "+16175550101", "+16175550102"
	old := []people.Contact{{Kind: people.Guardian, Name: "Ana", Phone: one, Language: "ar"}, {Kind: people.Guardian, Name: "Bo", Phone: two, Language: "en"}}
	shared := []people.Contact{old[0], {Kind: people.Guardian, Name: "Bo", Phone: one, Language: "en"}}
	for name, c := range map[string]struct {
		old  []people.Contact
		told []string // name and number
		want string   // place among the old
	}{
		"in another order":           {old, []string{"Bo " + two, "Ana " + one}, "01"},
		"written otherwise":          {old, []string{"ana (617)555-0101", "BO " + two}, "01"},
		"another name":               {old, []string{"Anna " + one, "Bo " + two}, "01"},
		"another number":             {old, []string{"Ana +16175550109", "Bo " + two}, "01"},
		"names changed places":       {old, []string{"Bo " + one, "Ana " + two}, "01"},
		"one is gone":                {old, []string{"Bo " + two}, "1"},
		"one is new":                 {old, []string{"Cy +16175550109", "Bo " + two}, "1-"},
		"two names at one number":    {old, []string{"Anna " + one, "Anne " + one, "Bo " + two}, "1--"},
		"one of two at one number":   {shared, []string{"Bo " + one}, "1"},
		"a name of one of two there": {shared, []string{"Cy " + one}, "-"},
		"two of one name":            {old[:1], []string{"Ana +16175550108", "Ana +16175550109"}, "--"},
	} {
		p := h.add(c.old...)
		elements := []any{}
		for _, told := range c.told {
			called, number, _ := strings.Cut(told, " ")
			elements = append(elements, map[string]any{"id": "of-another-program", "name": map[string]any{"text": called}, "telecom": telecomOf(number)})
		}
		got := ""
		for _, now := range h.change(p, "contact", elements, false) {
			who := "-"
			for n, was := range p.Contacts {
				if was.ID == now.ID {
					who = fmt.Sprint(n)
					if was.Language != now.Language {
						t.Errorf("%s: %q became %q", name, was.Language, now.Language)
					}
				}
			}
			got += who
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	p := h.add(old...)
	twice := []any{}
	for range 2 {
		twice = append(twice, map[string]any{"id": p.Contacts[0].ID, "name": map[string]any{"text": "Ana"}, "telecom": telecomOf(one)})
	}
	b, err := json.Marshal(map[string]any{"resourceType": "Patient", "id": p.ID, "name": []any{map[string]any{"text": "Canary Patientname"}}, "contact": twice})
	if err != nil {
		t.Fatal(err)
	}
	if a := h.do("PUT", "Patient/"+p.ID, string(b)); a.status != http.StatusUnprocessableEntity || a.text("issue", 0, "expression", 0) != "Patient.contact" {
		t.Errorf("one id twice: %d %s", a.status, a.body)
	}
}
