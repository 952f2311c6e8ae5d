package visits

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"housecall/auth"
	"housecall/platform/typed"
)

// ConsentTexts is what a site asks families to consent to: one version, in each language there is.
type ConsentTexts struct {
	Version string
	Texts   []ConsentText // at least one, in order of their languages
}

// ConsentText is plain text; an empty line parts two paragraphs.
type ConsentText struct {
	Language string // its tag, as in es
	Text     string
}

// Hash is the SHA-256 of the text, in hex, as each consent to it names it.
func (t ConsentText) Hash() string { return hashOf(t.Text) }

// MaxConsentText is how long a text is at most, in bytes.
const MaxConsentText = 32 << 10

var (
	versionName  = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z._-]{0,39}$`)
	languageName = regexp.MustCompile(`^[A-Za-z]{2,3}(-[0-9A-Za-z]{1,8}){0,3}$`)
)

// ReadConsent reads the texts of a folder VERSION/LANG.md (or .txt). Of several versions the highest counts, in natural order: 10 comes
// after 9. What is not as it should be is an error, so that nobody starts to ask for less than they mean to.
func ReadConsent(folder fs.FS) (*ConsentTexts, error) {
	entries, err := fs.ReadDir(folder, ".")
	if err != nil {
		return nil, fmt.Errorf("list the versions: %w", err)
	}
	c := &ConsentTexts{}
	for _, e := range entries {
		name := e.Name()
		if !e.IsDir() || strings.HasPrefix(name, ".") {
			continue
		}
		if !versionName.MatchString(name) {
			return nil, fmt.Errorf("the folder %q cannot be a version: use up to 40 letters, digits, dots and dashes", name)
		}
		if c.Version == "" || naturally(name, c.Version) > 0 {
			c.Version = name
		}
	}
	if c.Version == "" {
		return nil, errors.New("no folder of a version is there, as in 1/en.md")
	}
	files, err := fs.ReadDir(folder, c.Version)
	if err != nil {
		return nil, fmt.Errorf("list the texts of version %s: %w", c.Version, err)
	}
	for _, e := range files {
		if strings.HasPrefix(e.Name(), ".") {
			continue
		}
		t, err := readConsentText(folder, path.Join(c.Version, e.Name()))
		if err != nil {
			return nil, err
		}
		c.Texts = append(c.Texts, t)
	}
	if len(c.Texts) == 0 {
		return nil, fmt.Errorf("version %s has no text, as in %s/en.md", c.Version, c.Version)
	}
	slices.SortFunc(c.Texts, func(a, b ConsentText) int { return strings.Compare(a.Language, b.Language) })
	for i, t := range c.Texts[1:] {
		if strings.EqualFold(t.Language, c.Texts[i].Language) {
			return nil, fmt.Errorf("version %s has two texts in %s", c.Version, t.Language)
		}
	}
	return c, nil
}

func readConsentText(folder fs.FS, name string) (ConsentText, error) {
	language, extension := strings.TrimSuffix(path.Base(name), path.Ext(name)), path.Ext(name)
	if (extension != ".md" && extension != ".txt") || !languageName.MatchString(language) {
		return ConsentText{}, fmt.Errorf("%s is no text: its name must be a language and .md or .txt, as in en.md", name)
	}
	b, err := fs.ReadFile(folder, name)
	if err != nil {
		return ConsentText{}, fmt.Errorf("read a text: %w", err)
	}
	text, problem := cleanConsent(b)
	if problem != "" {
		return ConsentText{}, fmt.Errorf("%s %s", name, problem)
	}
	return ConsentText{Language: language, Text: text}, nil
}

// cleanConsent tidies a text. What is wrong with it is said in problem; an empty one is returned empty.
func cleanConsent(b []byte) (text, problem string) {
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(strings.TrimPrefix(string(b), "\ufeff"))
	text = strings.TrimSpace(typed.Prose(text))
	switch {
	case text == "":
		return "", "is empty"
	case len(text) > MaxConsentText:
		return text, fmt.Sprintf("is too long: %d bytes are too many to read, at most %d", len(text), MaxConsentText)
	case !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }):
		return text, "is not plain text in UTF-8"
	}
	return text + "\n", ""
}

// naturally compares as people count: digits by their number, the rest letter by letter.
func naturally(a, b string) int {
	x, y := a, b
	for x != "" && y != "" {
		var one, other string
		one, x = head(x)
		other, y = head(y)
		if isDigit(rune(one[0])) && isDigit(rune(other[0])) {
			n, m := strings.TrimLeft(one, "0"), strings.TrimLeft(other, "0")
			if order := cmp.Or(cmp.Compare(len(n), len(m)), strings.Compare(n, m)); order != 0 {
				return order
			}
		} else if order := strings.Compare(one, other); order != 0 {
			return order
		}
	}
	return cmp.Or(cmp.Compare(len(x), len(y)), strings.Compare(a, b))
}

// head splits off the digits, or what is no digit, that a string begins with.
func head(s string) (first, rest string) {
	digits := isDigit(rune(s[0]))
	end := strings.IndexFunc(s, func(r rune) bool { return isDigit(r) != digits })
	if end < 0 {
		end = len(s)
	}
	return s[:end], s[end:]
}

func isDigit(r rune) bool { return '0' <= r && r <= '9' }

// in returns the text for a reader of a language: in just that language, else in another form of it, else in English, else the first.
func (c *ConsentTexts) in(language string) ConsentText {
	base := func(tag string) string {
		b, _, _ := strings.Cut(strings.ToLower(tag), "-")
		return b
	}
	for _, fits := range []func(string) bool{
		func(l string) bool { return strings.EqualFold(l, language) },
		func(l string) bool { return strings.ToLower(l) == base(language) },
		func(l string) bool { return base(l) == base(language) },
		func(l string) bool { return base(l) == "en" },
	} {
		if i := slices.IndexFunc(c.Texts, func(t ConsentText) bool { return fits(t.Language) }); i >= 0 {
			return c.Texts[i]
		}
	}
	return c.Texts[0]
}

// has returns the text of exactly this language.
func (c *ConsentTexts) has(language string) (ConsentText, bool) {
	i := slices.IndexFunc(c.Texts, func(t ConsentText) bool { return t.Language == language })
	if i < 0 {
		return ConsentText{}, false
	}
	return c.Texts[i], true
}

// Whom somebody consents for.
const (
	ForSelf    = "self"
	ForPatient = "patient"
)

// consentWhom says for whom somebody of a role can consent; nobody: they are not asked. A young child's own link is opened by a parent, so the
// patient's has both; who is invited as a parent or guardian consents for the patient.
func consentWhom(role auth.Role) []string {
	switch {
	case !auth.May(role, auth.ConsentGive):
		return nil
	case role == auth.Patient:
		return []string{ForSelf, ForPatient}
	}
	return []string{ForPatient}
}
