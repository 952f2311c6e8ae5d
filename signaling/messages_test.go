package signaling

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// golden reads all examples of one direction: file name without .json → content.
func golden(t testing.TB, direction string) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", "messages", direction, "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	all := map[string][]byte{}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		all[strings.TrimSuffix(filepath.Base(f), ".json")] = b
	}
	return all
}

func canonical(t testing.TB, b []byte) string {
	t.Helper()
	v := jsontext.Value(b).Clone()
	if err := v.Canonicalize(); err != nil {
		t.Fatalf("not JSON: %v", err)
	}
	return string(v)
}

// wire writes a client's message as a client does.
func wire(t testing.TB, m FromClient) []byte {
	t.Helper()
	fields, err := json.Marshal(m)
	if err != nil {
		t.Fatalf("writing a message of type %s: %v", m.kind(), err)
	}
	head := `{"type":"` + m.kind() + `"`
	if len(fields) > len("{}") {
		head += ","
	}
	return append([]byte(head), fields[1:]...)
}

func typeOfName(name string) string {
	kind, _, _ := strings.Cut(name, "-")
	return kind
}

func TestGoldenFromClient(t *testing.T) {
	seen := map[string]bool{}
	for name, b := range golden(t, "client") {
		m, err := Decode(b)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if m.kind() != typeOfName(name) {
			t.Errorf("%s holds a message of type %s", name, m.kind())
		}
		seen[m.kind()] = true
		if got, want := canonical(t, wire(t, m)), canonical(t, b); got != want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, want)
		}
	}
	everyTypeHasAnExample(t, "kind", seen)
}

func TestGoldenToClient(t *testing.T) {
	types := map[string]reflect.Type{}
	for _, m := range []ToClient{Joined{}, Resumed{}, Moved{}, Relocated{}, Answer{}, Need{}, Slots{}, Changed{}, Left{}, Said{}, Told{}, Private{}, Signing{}, Switched{}, Speaking{}, Refused{}} {
		types[m.name()] = reflect.TypeOf(m)
	}
	seen := map[string]bool{}
	for name, b := range golden(t, "server") {
		kind := typeOfName(name)
		typ, ok := types[kind]
		if !ok {
			t.Errorf("%s: no such type in the code", name)
			continue
		}
		seen[kind] = true
		var fields map[string]jsontext.Value
		if err := json.Unmarshal(b, &fields); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := string(fields["type"]); got != strconv.Quote(kind) {
			t.Errorf("%s holds a message of type %s", name, got)
		}
		delete(fields, "type")
		rest, err := json.Marshal(fields)
		if err != nil {
			t.Fatal(err)
		}
		m := reflect.New(typ)
		if err := json.Unmarshal(rest, m.Interface(), json.RejectUnknownMembers(true)); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		again, err := Encode(m.Elem().Interface().(ToClient))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got, want := canonical(t, again), canonical(t, b); got != want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, want)
		}
	}
	everyTypeHasAnExample(t, "name", seen)
}

// everyTypeHasAnExample reads the messages' types out of the code (the method returns them), and wants an
// example and a row of docs/protocol.md for each.
func everyTypeHasAnExample(t *testing.T, method string, seen map[string]bool) {
	t.Helper()
	doc, err := os.ReadFile(filepath.Join("..", "docs", "protocol.md"))
	if err != nil {
		t.Fatal(err)
	}
	section := string(doc)
	if method == "kind" {
		section = between2(t, section, "### Client to server", "### Server to client")
	} else {
		section = between2(t, section, "### Server to client", "### Close codes")
	}
	file, err := parser.ParseFile(token.NewFileSet(), "messages.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, d := range file.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || f.Recv == nil || f.Name.Name != method {
			continue
		}
		kind, err := strconv.Unquote(f.Body.List[0].(*ast.ReturnStmt).Results[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		found++
		if !seen[kind] {
			t.Errorf("no example of %q in testdata/messages", kind)
		}
		if !strings.Contains(section, "\n| `"+kind+"` |") {
			t.Errorf("no row for %q in docs/protocol.md", kind)
		}
	}
	if rows := strings.Count(section, "\n| `"); found == 0 || rows != found {
		t.Errorf("docs/protocol.md has %d types of message, the code %d", rows, found)
	}
}

func between2(t *testing.T, s, from, to string) string {
	t.Helper()
	_, s, ok := strings.Cut(s, from)
	s, _, ok2 := strings.Cut(s, to)
	if !ok || !ok2 {
		t.Fatalf("docs/protocol.md has no part between %q and %q", from, to)
	}
	return s
}

// TestBounds tries the edges of what a message may say: the first of each pair is taken, the second is not.
func TestBounds(t *testing.T) {
	pad := func(n int) string { return strings.Repeat("é", n) }
	check := func(fields string) string {
		return `{"type":"check","check":{"camera":"ok","microphone":"ok","speaker":"ok","network":"ok"` + fields + `}}`
	}
	for _, pair := range [][2]string{
		{`{"type":"return","member":"` + strings.Repeat("x", maxID) + `"}`, `{"type":"return","member":"` + strings.Repeat("x", maxID+1) + `"}`},
		{`{"type":"decline","member":"x"}`, `{"type":"decline"}`},
		{`{"type":"remove","member":"x"}`, `{"type":"remove","member":""}`},
		{`{"type":"lead","member":"x"}`, `{"type":"lead","member":true}`},
		{`{"type":"sign","member":"x"}`, `{"type":"sign","on":true}`},
		{`{"type":"private"}`, `{"type":"private","on":"yes"}`},
		{`{"type":"hearing","answer":"signal"}`, `{"type":"hearing","answer":"perhaps"}`},
		{`{"type":"hearing","answer":"nobody"}`, `{"type":"hearing"}`},
		{`{"type":"view","video":"none"}`, `{"type":"view","video":""}`},
		{`{"type":"line","line":"bad"}`, `{"type":"line","line":"worse"}`},
		{`{"type":"tell","id":"` + strings.Repeat("x", 36) + `","text":"x"}`, `{"type":"tell","id":"` + strings.Repeat("x", 37) + `","text":"x"}`},
		{`{"type":"chat","id":"0193a1f0-7c3e-7b1a","text":"x"}`, `{"type":"chat","id":"a\u0000b","text":"x"}`},
		{`{"type":"tell","id":"1","text":"` + pad(500) + `"}`, `{"type":"tell","id":"1","text":"` + pad(501) + `"}`},
		{`{"type":"tell","id":"1","member":"x","text":"x"}`, `{"type":"tell","id":"1","member":"` + strings.Repeat("x", maxID+1) + `","text":"x"}`},
		{`{"type":"tell","id":"1","member":"","text":"x"}`, `{"type":"tell","id":"1","member":"","text":""}`},
		{`{"type":"tell","id":"1","text":"x","ready":"running_late"}`, `{"type":"tell","id":"1","text":"x","ready":"Running late"}`},
		{check(`,"rtt_ms":60000`), check(`,"rtt_ms":60001`)},
		{check(`,"rtt_ms":-1`), check(`,"rtt_ms":-2`)},
		{check(`,"loss_pct":100`), check(`,"loss_pct":101`)},
		{check(`,"loss_pct":-1`), check(`,"loss_pct":-2`)},
		{check(`,"loss_pct":3`), check(`,"loss_pct":3.5`)},
		{check(`,"browser":"` + pad(60) + `"`), check(`,"browser":"` + pad(61) + `"`)},
		{check(``), strings.Replace(check(``), `"camera":"ok"`, `"camera":"fine"`, 1)},
		{check(``), strings.Replace(check(``), `"speaker":"ok",`, ``, 1)},
		{check(``), strings.Replace(check(``), `"network":"ok"`, `"network":"fast"`, 1)},
		{check(``), check(`,"more":{}`)},
	} {
		if _, err := Decode([]byte(pair[0])); err != nil {
			t.Errorf("%.60s: %v", pair[0], err)
		}
		if _, err := Decode([]byte(pair[1])); err == nil {
			t.Errorf("%.60s was taken", pair[1])
		}
	}
}
