// Package static holds the browser's side of Housecall: the visit page, its ES modules, style sheets, icons and words, embedded in the
// binary. It owns nothing that changes: the files are indexed once and only read after that. It must never serve anything
// that a person uploaded or wrote, nor know who asks.
package static

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/tdewolff/minify/v2"
	"github.com/tdewolff/minify/v2/css"
	"github.com/tdewolff/minify/v2/js"
)

//go:embed visit.html css/*.css js locales img vendor/*/*.js
var embedded embed.FS

// prefix is where Handler expects to be mounted.
const prefix = "/static/"

// file is one embedded file, ready to be sent.
type file struct {
	mime   string
	tag    string // strong validator, quoted, of the plain bytes
	plain  []byte
	packed []byte // gzip, nil where it saves nothing
}

// tree is all files by their path below prefix.
type tree struct {
	version string // of all files together; part of the addresses that may be kept for ever
	files   map[string]*file
	pages   map[string]*file // the visit page by language
}

// types are the only kinds of files served; the machine's own table of MIME types is not asked, so every machine answers alike.
func types(name string) (mime string, ok bool) {
	switch path.Ext(name) {
	case ".css":
		return "text/css; charset=utf-8", true
	case ".js":
		return "text/javascript; charset=utf-8", true
	case ".json":
		return "application/json", true
	case ".svg":
		return "image/svg+xml", true
	case ".html":
		return "text/html; charset=utf-8", true
	}
	return "", false
}

// minifier drops what only readers of the source need. Names stay, so that an error's trace can be read, and no syntax comes in that is newer than what was
// written: js/old.js is for browsers that know little.
var minifier = sync.OnceValue(func() *minify.M {
	m := minify.New()
	m.Add("text/css", &css.Minifier{})
	m.Add("text/javascript", &js.Minifier{KeepVarNames: true, Version: 5})
	return m
})

// light is a style sheet or script without its comments and spaces; other files are left as they are.
func light(mime string, plain []byte) ([]byte, error) {
	kind, _, _ := strings.Cut(mime, ";")
	lighter, err := minifier().Bytes(kind, plain)
	if errors.Is(err, minify.ErrNotExist) {
		return plain, nil
	}
	return lighter, err
}

// load indexes the embedded files. They are fixed when the program is built, so a failure is a fault of the build: it panics.
var load = sync.OnceValue(func() *tree {
	t := &tree{files: map[string]*file{}}
	whole := sha256.New()
	err := fs.WalkDir(embedded, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		mime, ok := types(name)
		if !ok {
			return fmt.Errorf("%s: no MIME type for it", name)
		}
		plain, err := embedded.ReadFile(name)
		if err != nil {
			return err
		}
		if plain, err = light(mime, plain); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		fmt.Fprintf(whole, "%s %d\n", name, len(plain))
		whole.Write(plain)
		t.files[name] = newFile(mime, plain)
		return nil
	})
	if err != nil {
		panic(fmt.Sprintf("static: index the embedded files: %v", err))
	}
	t.version = "~" + hex.EncodeToString(whole.Sum(nil)[:8])
	page := string(t.files["visit.html"].plain)
	page = strings.ReplaceAll(page, `"`+prefix, `"`+prefix+t.version+"/")
	if err := t.drawPages(page); err != nil {
		panic(fmt.Sprintf("static: draw the visit page: %v", err))
	}
	delete(t.files, "visit.html")
	return t
})

func newFile(mime string, plain []byte) *file {
	sum := sha256.Sum256(plain)
	f := &file{mime: mime, tag: hex.EncodeToString(sum[:16]), plain: plain}
	var packed bytes.Buffer
	w, _ := gzip.NewWriterLevel(&packed, gzip.BestCompression) // the level is valid, and a buffer takes every write
	_, _ = w.Write(plain)
	_ = w.Close()
	if packed.Len() < len(plain)*9/10 {
		f.packed = packed.Bytes()
	}
	return f
}

// serve sends f, packed where the client takes it, or 304 where it has it. cache is the Cache-Control header.
func (f *file) serve(w http.ResponseWriter, r *http.Request, cache string) {
	h := w.Header()
	h.Set("Content-Type", f.mime)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", cache)
	body, tag := f.plain, f.tag
	if f.packed != nil {
		h.Add("Vary", "Accept-Encoding")
		if takesGzip(r) {
			body, tag = f.packed, f.tag+"-gzip"
			h.Set("Content-Encoding", "gzip")
		}
	}
	h.Set("ETag", `"`+tag+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
}

// takesGzip says whether the request names gzip without refusing it (q=0). Ranges are of the plain bytes only.
func takesGzip(r *http.Request) bool {
	if r.Header.Get("Range") != "" {
		return false
	}
	for _, coding := range strings.Split(strings.Join(r.Header.Values("Accept-Encoding"), ","), ",") {
		name, quality, _ := strings.Cut(strings.TrimSpace(coding), ";")
		if strings.TrimSpace(name) == "gzip" {
			q := strings.ReplaceAll(quality, " ", "")
			return q != "q=0" && !strings.HasPrefix(q, "q=0.0")
		}
	}
	return false
}

// Handler serves everything but the page itself, at /static/PATH. An address that carries the version of this build
// (/static/~VERSION/PATH, what Path gives and the visit page uses) may be kept for ever; any other is asked for again each time, which
// costs a 304. A version that is not ours gets our file too: a page loaded before an update must go on working.
func Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
			return
		}
		t := load()
		name, cache := strings.TrimPrefix(r.URL.Path, prefix), "no-cache"
		if strings.HasPrefix(name, "~") {
			version, rest, _ := strings.Cut(name, "/")
			if version == t.version {
				cache = "public, max-age=31536000, immutable"
			}
			name = rest
		}
		f, ok := t.files[name]
		if !ok {
			http.NotFound(w, r)
			return
		}
		f.serve(w, r, cache)
	})
}

// Path is the lasting address of an embedded file, for pages rendered by others: Path("css/base.css").
func Path(name string) string {
	t := load()
	if _, ok := t.files[name]; !ok {
		panic("static: no file " + name)
	}
	return prefix + t.version + "/" + name
}

// Locales are the catalogues: what people read, one file a language, shared by the visit page and by pages rendered by others.
func Locales() fs.FS {
	sub, err := fs.Sub(embedded, "locales")
	if err != nil {
		panic(fmt.Sprintf("static: open the catalogues: %v", err)) // the path is ours and well formed
	}
	return sub
}
