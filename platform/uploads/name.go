package uploads

import (
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"housecall/platform/phi"
)

// mostName is how many bytes a name may have: what every file system takes, with room for an ending.
const mostName = 200

// unnamed is what a file is called that has no name that could be shown.
const unnamed = "file"

// cleaned is a name as it may be shown and proposed for saving: its last element, on one line, of letters that show themselves, and not too long. It is never
// where anything is kept.
func cleaned(name string) phi.Text {
	name = strings.ToValidUTF8(name, "")
	name = name[strings.LastIndexAny(name, `/\`)+1:]
	name = strings.Map(func(r rune) rune {
		switch {
		case strings.ContainsRune(`<>:"|?*`, r): // what Windows does not take
			return '_'
		case unicode.IsSpace(r):
			return ' '
		case r == zwnj || r == zwj:
			return r // joined decides
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r), r == utf8.RuneError, unicode.Is(unicode.Co, r):
			return -1 // such as those that turn the direction, by which gpj.exe reads exe.jpg
		}
		return r
	}, name)
	name = strings.Trim(strings.Join(strings.Fields(joined(name)), " "), " .")
	if ending := path.Ext(name); len(name) > mostName && len(ending) <= 20 {
		name = cut(strings.TrimSuffix(name, ending), mostName-len(ending)) + ending
	}
	if name = joined(cut(name, mostName)); name == "" {
		name = unnamed
	}
	return phi.Text(name)
}

// What tells a letter whether to join the next one. Persian and the languages of India are not spelt right without, and some pictures are joined of several.
const (
	zwnj = '\u200c'
	zwj  = '\u200d'
)

// joining are the scripts whose letters join (Unicode Standard Annex 31, section 2.3). Anywhere else a joiner shows nothing, and makes two names that look alike.
var joining = []*unicode.RangeTable{unicode.Arabic, unicode.Syriac, unicode.Nko, unicode.Mongolian, unicode.Devanagari, unicode.Bengali, unicode.Gurmukhi, unicode.Gujarati, unicode.Oriya,
	unicode.Tamil, unicode.Telugu, unicode.Kannada, unicode.Malayalam, unicode.Sinhala, unicode.Khmer, unicode.Myanmar, unicode.Tibetan}

// pictures are of what emoji consist: symbols, the colours of skin, and what says that a symbol is one.
var pictures = []*unicode.RangeTable{unicode.So, unicode.Sk, unicode.Variation_Selector}

// joined is a name without joiners that join nothing.
func joined(name string) string {
	all := []rune(name)
	kept := all[:0]
	for i, r := range all {
		if r == zwnj || r == zwj {
			if len(kept) == 0 || i+1 == len(all) {
				continue
			}
			before, after := kept[len(kept)-1], all[i+1]
			if !(unicode.In(before, joining...) && unicode.In(after, joining...) || r == zwj && unicode.In(before, pictures...) && unicode.In(after, pictures...)) {
				continue
			}
		}
		kept = append(kept, r)
	}
	return string(kept)
}

// cut shortens a text to so many bytes, between letters.
func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	return strings.TrimRight(s[:most], " .")
}

// otherEndings are those that a media type has beside its usual one.
var otherEndings = map[string][]string{
	"image/jpeg":        {".jpeg", ".jpe", ".jfif"},
	"image/tiff":        {".tif"},
	"application/dicom": {".dicom"},
	"text/html":         {".htm"},
	"video/quicktime":   {".qt"},
}

// fitting is a name with an ending that says what is in the file: by it alone the reader's machine decides what opens the file, and a text called .js would run.
func fitting(name phi.Text, mediaType, ending string) phi.Text {
	has := strings.ToLower(path.Ext(name.Reveal()))
	if ending == "" || has == ending || slices.Contains(otherEndings[mediaType], has) {
		return name
	}
	return name + phi.Text(ending)
}
