package uploads

import (
	"bytes"
	"fmt"
	"mime"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/gabriel-vasile/mimetype"

	"housecall/platform/phi"
)

// byName are the media types that a file of plain text is of because it is named so. By its content alone a letter is a table (it has commas), a mail (it begins with "From:"), a program or a
// picture ("BMI" begins as bitmaps do).
var byName = map[string]string{".txt": "text/plain", ".csv": "text/csv"}

// markup are the media types of texts that a browser might run. They are never taken for plain ones.
var markup = []string{"text/html", "text/xml", "image/svg+xml"}

// kindOf tells the media type of a file by its beginning and, where that is text, by its name; and the ending that says so.
func (d Door) kindOf(head []byte, name phi.Text) (mediaType, ending string, err error) {
	kind := mimetype.Detect(head)
	if mediaType, _, err = mime.ParseMediaType(kind.String()); err != nil {
		return "", "", fmt.Errorf("tell the media type: %w", err)
	}
	ending = strings.ToLower(path.Ext(name.Reveal()))
	named := byName[ending]
	if named != "" && d.takes(named) && (isA(kind, "text/plain") || !d.takes(mediaType) && !bytes.ContainsFunc(head, isBinary)) && !isA(kind, markup...) {
		return named, ending, nil
	}
	return mediaType, kind.Extension(), nil
}

// takes says whether files of a media type are taken here.
func (d Door) takes(mediaType string) bool {
	return d.Types == nil || slices.Contains(d.Types, mediaType)
}

// isA says whether a media type is one of some, or a kind of one.
func isA(kind *mimetype.MIME, types ...string) bool {
	for ; kind != nil; kind = kind.Parent() {
		if slices.ContainsFunc(types, kind.Is) {
			return true
		}
	}
	return false
}

// isBinary says whether a letter stands in no text (WHATWG MIME Sniffing, section 3, "binary data byte").
func isBinary(r rune) bool {
	return r <= 0x08 || r == 0x0B || 0x0E <= r && r <= 0x1A || 0x1C <= r && r <= 0x1F
}

// text is what a file that is said to be plain text is, as it is read.
type text struct {
	begun   bool
	wide    bool   // UTF-16, by its mark: half of its bytes are in no text
	binary  bool   // it is none
	foreign bool   // it is not UTF-8, but one of the older sets of 256 letters, which nothing in it names
	half    []byte // a letter of which not all was read
}

// Write implements io.Writer.
func (t *text) Write(b []byte) (int, error) {
	if !t.begun {
		t.begun = true
		t.wide = bytes.HasPrefix(b, []byte("\xff\xfe")) || bytes.HasPrefix(b, []byte("\xfe\xff"))
	}
	if bytes.ContainsFunc(b, isBinary) {
		t.binary = true
	}
	all := b
	if len(t.half) > 0 {
		all = append(t.half, b...)
	}
	for len(all) > 0 && utf8.FullRune(all) {
		r, n := utf8.DecodeRune(all)
		if r == utf8.RuneError && n == 1 {
			t.foreign = true
		}
		all = all[n:]
	}
	t.half = bytes.Clone(all)
	return len(b), nil
}

// charset is what a reader is to be told of a text's letters; empty: nothing, since nothing is known.
func (t *text) charset() string {
	if t.foreign || t.wide || len(t.half) > 0 {
		return ""
	}
	return "; charset=utf-8"
}

// isNone says that it is no text at all.
func (t *text) isNone() bool { return t.binary && !t.wide }
