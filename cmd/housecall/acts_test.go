package main

import (
	"go/ast"
	"go/constant"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"housecall/cmd/housecall/server"
	"housecall/platform/module/letters"
	"housecall/platform/words"
)

// TestEveryActHasWords: the audit says every act that the code can write, and every right that can be refused, in words, in every language.
func TestEveryActHasWords(t *testing.T) {
	book, err := server.Book(letters.Module)
	if err != nil {
		t.Fatal(err)
	}
	acts := actsOf(t)
	// One of each way that a name goes: into the row at once, by functions, into a row that is there, as the name of a right, by a guard of routes and
	// one of the API, with the kind of an event, and by a module.
	for _, want := range []string{"backup.make", "site.update", "staff.first_factor", "record.read", "staff.manage", "people.write", "room.ended", "letter.list"} {
		if acts[want] == "" {
			t.Errorf("the act %s was not found in the code", want)
		}
	}
	for _, act := range slices.Sorted(maps.Keys(acts)) {
		for _, w := range book.All() {
			if !slices.Contains(w.Keys(), "act."+act) {
				t.Errorf("%s has no act.%s, which %s writes", w.Tag, act, acts[act])
			}
		}
	}
	for _, key := range book.In(words.Fallback).Keys() {
		if act, ok := strings.CutPrefix(key, "act."); ok && acts[act] == "" {
			t.Errorf("%s is in the catalogues, and nothing does it", key)
		}
	}
}

// source is all of our own code, with its types.
type source struct {
	t     *testing.T
	fset  *token.FileSet
	info  *types.Info
	files []*ast.File
	ours  map[string]*types.Package
	gc    types.Importer
	dir   string // what the names of files begin with
}

// Import gives the type checker what a package imports: ours as checked here, so that there is one of each function, others as they were compiled.
func (s *source) Import(path string) (*types.Package, error) {
	if p := s.ours[path]; p != nil {
		return p, nil
	}
	return s.gc.Import(path)
}

// checked reads all packages of the server and finds their types, those first that others import.
func checked(t *testing.T) *source {
	t.Helper()
	s := &source{t: t, fset: token.NewFileSet(), ours: map[string]*types.Package{}, info: &types.Info{Types: map[ast.Expr]types.TypeAndValue{},
		Defs: map[*ast.Ident]types.Object{}, Uses: map[*ast.Ident]types.Object{}}}
	list := exec.CommandContext(t.Context(), "go", "list", "-export", "-deps", "-f", "{{.ImportPath}}\t{{.Export}}\t{{.Dir}}\t{{join .GoFiles \" \"}}", "./cmd/housecall", "./platform/module/letters")
	list.Dir, list.Stderr = root, os.Stderr
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	compiled := map[string]string{}
	s.gc = importer.ForCompiler(s.fset, "gc", func(path string) (io.ReadCloser, error) { return os.Open(compiled[path]) })
	if s.dir, err = filepath.Abs(root); err != nil {
		t.Fatal(err)
	}
	s.dir += "/"
	for line := range strings.Lines(string(out)) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		path := f[0]
		compiled[path] = f[1]
		if !strings.HasPrefix(path, "housecall/") {
			continue
		}
		var files []*ast.File
		for _, name := range strings.Fields(f[3]) {
			file, err := parser.ParseFile(s.fset, filepath.Join(f[2], name), nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, file)
		}
		if s.ours[path], err = (&types.Config{Importer: s}).Check(path, s.fset, files, s.info); err != nil {
			t.Fatal(err)
		}
		s.files = append(s.files, files...)
	}
	return s
}

// tracer follows the names of acts back from the audit's rows to where they are written.
type tracer struct {
	*source
	put    map[types.Object][]ast.Expr     // what is put into a variable, a field or a parameter, anywhere
	passed map[types.Object][]types.Object // parameters of what a function is kept in, by the function's own
	owner  map[types.Object]*types.Func    // whose parameter it is
	known  map[*ast.Ident]bool             // names of functions that are called there, or kept in something that put knows
	apart  map[*types.Func]*ast.Ident      // functions that are also named where it is not seen what becomes of them
	by     map[*types.Func]bool            // methods of interfaces that are called
	seen   map[types.Object]bool
	acts   map[string]string // a place where each is named
}

// actsOf are all acts that the code can write into the audit, each with a place of its name.
func actsOf(t *testing.T) map[string]string {
	t.Helper()
	tr := &tracer{source: checked(t), put: map[types.Object][]ast.Expr{}, passed: map[types.Object][]types.Object{}, owner: map[types.Object]*types.Func{},
		known: map[*ast.Ident]bool{}, apart: map[*types.Func]*ast.Ident{}, by: map[*types.Func]bool{}, seen: map[types.Object]bool{}, acts: map[string]string{}}
	for _, file := range tr.files {
		tr.collect(file)
	}
	act := tr.ours["housecall/platform/store"].Scope().Lookup("Act").Type().Underlying().(*types.Struct)
	for field := range act.Fields() {
		if field.Name() == "Action" {
			tr.object(field)
		}
	}
	return tr.acts
}

func (tr *tracer) at(n ast.Node) string {
	return strings.TrimPrefix(tr.fset.Position(n.Pos()).String(), tr.dir)
}

// collect notes what is put where, and which functions are named without being called.
func (tr *tracer) collect(file *ast.File) {
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			for i, to := range n.Lhs {
				tr.into(tr.target(to), n.Rhs[min(i, len(n.Rhs)-1)])
			}
		case *ast.ValueSpec:
			for i, value := range n.Values {
				tr.into(tr.info.Defs[n.Names[i]], value)
			}
		case *ast.RangeStmt:
			if n.Value != nil {
				tr.into(tr.target(n.Value), n.X)
			}
		case *ast.CompositeLit:
			tr.fields(n)
		case *ast.CallExpr:
			tr.arguments(n)
		case *ast.Ident:
			if f, ok := tr.info.Uses[n].(*types.Func); ok && !tr.known[n] {
				tr.apart[f.Origin()] = n
			}
		case *ast.FuncDecl:
			f := tr.info.Defs[n.Name].(*types.Func)
			for p := range f.Signature().Params().Variables() {
				tr.owner[p] = f
			}
		}
		return true
	})
}

// into notes what is put somewhere, and of a function that its parameters get what those of that place get.
func (tr *tracer) into(to types.Object, value ast.Expr) {
	if to == nil {
		return
	}
	tr.put[origin(to)] = append(tr.put[origin(to)], value)
	kept, ok := to.Type().Underlying().(*types.Signature)
	if !ok {
		return
	}
	f, ok := tr.info.TypeOf(value).Underlying().(*types.Signature)
	if !ok {
		return
	}
	if named, ok := tr.target(value).(*types.Func); ok {
		f = named.Origin().Signature()
		tr.known[name(value)] = true
	}
	for i := range f.Params().Len() {
		tr.passed[f.Params().At(i)] = append(tr.passed[f.Params().At(i)], kept.Params().At(i))
	}
}

// name is the last name of an expression; nil: it is none.
func name(e ast.Expr) *ast.Ident {
	switch e := ast.Unparen(e).(type) {
	case *ast.Ident:
		return e
	case *ast.SelectorExpr:
		return e.Sel
	}
	return nil
}

// origin is a field, parameter or function as it was declared, of one that has its type parameters filled in.
func origin(o types.Object) types.Object {
	switch o := o.(type) {
	case *types.Var:
		return o.Origin()
	case *types.Func:
		return o.Origin()
	}
	return o
}

// target is what an expression names.
func (tr *tracer) target(e ast.Expr) types.Object { return tr.info.ObjectOf(name(e)) }

func (tr *tracer) fields(n *ast.CompositeLit) {
	kind := tr.info.Types[n].Type
	if p, ok := kind.Underlying().(*types.Pointer); ok {
		kind = p.Elem()
	}
	of, ok := kind.Underlying().(*types.Struct)
	if !ok {
		return
	}
	for i, e := range n.Elts {
		if kv, ok := e.(*ast.KeyValueExpr); ok {
			tr.into(tr.info.Uses[kv.Key.(*ast.Ident)], kv.Value)
		} else {
			tr.into(of.Field(i), e)
		}
	}
}

func (tr *tracer) arguments(n *ast.CallExpr) {
	tr.known[name(n.Fun)] = true
	f, ok := tr.info.TypeOf(n.Fun).Underlying().(*types.Signature)
	if !ok || f.Params().Len() == 0 {
		return
	}
	if o, ok := tr.target(n.Fun).(*types.Func); ok {
		f = o.Origin().Signature()
		if f.Recv() != nil && types.IsInterface(f.Recv().Type()) {
			tr.by[o.Origin()] = true
		}
	}
	for i, value := range n.Args {
		tr.into(f.Params().At(min(i, f.Params().Len()-1)), value)
	}
}

// object follows what is put into a variable, a field or a parameter.
func (tr *tracer) object(o types.Object) {
	if tr.seen[o] {
		return
	}
	tr.seen[o] = true
	if f := tr.owner[o]; f != nil {
		if at := tr.apart[f]; at != nil {
			tr.t.Errorf("%s: %s is passed on, so it cannot be told which acts it writes", tr.at(at), f.Name())
		}
		tr.interfaces(f, o)
	}
	if len(tr.put[o])+len(tr.passed[o]) == 0 {
		tr.t.Errorf("%s: nothing is put into %s", tr.fset.Position(o.Pos()), o.Name())
	}
	for _, value := range tr.put[o] {
		tr.value(value)
	}
	for _, p := range tr.passed[o] {
		tr.object(p)
	}
}

// interfaces follows the parameter of a method where it is called by an interface.
func (tr *tracer) interfaces(f *types.Func, param types.Object) {
	recv := f.Signature().Recv()
	if recv == nil {
		return
	}
	for m := range tr.by {
		of := m.Signature().Recv().Type().Underlying().(*types.Interface)
		if m.Name() != f.Name() || !types.Implements(recv.Type(), of) {
			continue
		}
		for i := range f.Signature().Params().Len() {
			if f.Signature().Params().At(i) == param {
				tr.passed[param] = append(tr.passed[param], m.Signature().Params().At(i))
			}
		}
	}
}

// value follows where a name of an act comes from.
func (tr *tracer) value(e ast.Expr) {
	e = ast.Unparen(e)
	if c := tr.info.Types[e].Value; c != nil {
		if act := constant.StringVal(c); act != "" {
			tr.acts[act] = tr.at(e)
		}
		return
	}
	switch e := e.(type) {
	case *ast.BinaryExpr: // a beginning, and any of the constants of a type
		if begin, end := tr.info.Types[e.X].Value, tr.constants(e.Y); begin != nil && len(end) > 0 {
			for _, c := range end {
				tr.acts[constant.StringVal(begin)+c] = tr.at(e)
			}
			return
		}
	case *ast.CallExpr:
		if tr.info.Types[e.Fun].IsType() {
			tr.value(e.Args[0])
			return
		}
	case *ast.Ident, *ast.SelectorExpr:
		if o, ok := tr.target(e).(*types.Var); ok {
			tr.object(o.Origin())
			return
		}
	}
	tr.t.Errorf("%s: it cannot be told which acts these are", tr.at(e))
}

// constants are all those of the type that an expression is converted from.
func (tr *tracer) constants(e ast.Expr) (all []string) {
	call, ok := e.(*ast.CallExpr)
	if !ok || !tr.info.Types[call.Fun].IsType() {
		return nil
	}
	kind, ok := tr.info.Types[call.Args[0]].Type.(*types.Named)
	if !ok {
		return nil
	}
	scope := kind.Obj().Pkg().Scope()
	for _, n := range scope.Names() {
		if c, ok := scope.Lookup(n).(*types.Const); ok && types.Identical(c.Type(), kind) {
			all = append(all, constant.StringVal(c.Val()))
		}
	}
	return all
}
