package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"housecall/cmd/housecall/server"
	"housecall/platform/words"
)

// pageCode is the Go code of server-rendered pages.
func pageCode(t *testing.T) []string {
	t.Helper()
	var files []string
	for _, pattern := range []string{"visits/desk/*.go", "visits/*/pages*.go", "platform/*/pages*.go", "platform/web/language.go"} {
		found, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(pattern)))
		if err != nil || len(found) == 0 {
			t.Fatalf("%s: %v", pattern, err)
		}
		for _, name := range found {
			if !strings.HasSuffix(name, "_test.go") {
				files = append(files, name)
			}
		}
	}
	return files
}

var (
	sentence = regexp.MustCompile(`\p{L}+[,.:]? \p{L}`)
	anyWord  = regexp.MustCompile(`\p{L}{2}`)
	// shown are the fields of views whose text a person reads.
	shown = []string{"Title", "Text", "Message", "Yes", "No", "Stop", "Empty", "Done", "Term"}
	// unseen are calls whose words are for logs, programs and the database.
	unseen = []string{"Errorf", "New", "Public", "panic", "ExecContext", "QueryContext", "QueryRowContext", "Collect"}
)

// wordsIn finds words for people that Go code says by itself, not from a catalogue.
func wordsIn(file *ast.File) []string {
	var found []string
	text := func(n ast.Node) string {
		lit, ok := n.(*ast.BasicLit)
		if !ok || lit.Kind != token.STRING {
			return ""
		}
		s, err := strconv.Unquote(lit.Value)
		if err != nil {
			return ""
		}
		return s
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ImportSpec:
			return false
		case *ast.CallExpr:
			name := ""
			switch f := n.Fun.(type) {
			case *ast.SelectorExpr:
				name = f.Sel.Name
			case *ast.Ident:
				name = f.Name
			}
			return !slices.Contains(unseen, name)
		case *ast.CompositeLit: // a web.Fault speaks to programs; pages say what its code or key does
			kind, ok := n.Type.(*ast.SelectorExpr)
			return !ok || kind.Sel.Name != "Fault"
		case *ast.Field: // its tag
			n.Tag = nil
		case *ast.KeyValueExpr:
			key, ok := n.Key.(*ast.Ident)
			if !ok {
				return true
			}
			if key.Name == "Detail" || key.Name == "Meaning" { // plain English for programs, and for docs/roles.md
				return false
			}
			if s := text(n.Value); slices.Contains(shown, key.Name) && anyWord.MatchString(s) {
				found = append(found, s)
				return false
			}
		case *ast.BasicLit:
			if s := text(n); sentence.MatchString(s) {
				found = append(found, s)
			}
		}
		return true
	})
	return found
}

func TestGoPagesSayOnlyWhatIsInTheCatalogues(t *testing.T) {
	for source, want := range map[string]int{
		`var x = page{Title: "Links"}`: 1, `var x = f("Not a key")`: 1, `var x = own.T("desk.new.title") + " (family)"`: 0, `var x = "GET /desk/new"`: 0,
		`var x = fmt.Errorf("open the pages: %w", err)`: 0, `var x = fault.Problem{Detail: "The form could not be read."}`: 0, `var x = page{Title: own.T("a.b")}`: 0,
		`var x = "Visit made, please go on"`: 1,
	} {
		file, err := parser.ParseFile(token.NewFileSet(), "x.go", "package x\n"+source, 0)
		if err != nil {
			t.Fatal(err)
		}
		if got := wordsIn(file); len(got) != want {
			t.Errorf("%s: found %q", source, got)
		}
	}
	for _, name := range pageCode(t) {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		if got := wordsIn(file); len(got) > 0 {
			t.Errorf("%s says by itself: %q", name, got)
		}
	}
}

// TestGoAndBrowsersCountAlike: a text that counts has every form that Go's rules ask for; the scripts' tests see to those of browsers.
func TestGoAndBrowsersCountAlike(t *testing.T) {
	book, err := server.Book(modules...)
	if err != nil {
		t.Fatal(err)
	}
	english := book.In(words.Fallback).Keys()
	counted := 0
	for _, key := range english {
		base, ok := strings.CutSuffix(key, ".one")
		if !ok || !slices.Contains(english, base+".other") {
			continue
		}
		counted++
		for _, w := range book.All() {
			keys := w.Keys()
			for count := range 201 {
				if form := w.Form(count); !slices.Contains(keys, base+"."+form) {
					t.Errorf("%s has no %s.%s, for %d", w.Tag, base, form, count)
					break
				}
			}
		}
	}
	if counted < 5 {
		t.Errorf("only %d texts count", counted)
	}
}
