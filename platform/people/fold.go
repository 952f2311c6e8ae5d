package people

import (
	"encoding/binary"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"housecall/platform/phi"
)

// alike are letters that people write in place of each other, and that Unicode does not take apart by itself.
var alike = map[rune]string{
	'æ': "ae", 'œ': "oe", 'ø': "o", 'đ': "d", 'ð': "d", 'þ': "th", 'ł': "l", 'ħ': "h", 'ı': "i", 'ŋ': "n",
	'ٱ': "ا", 'ى': "ي", 'ی': "ي", 'ة': "ه", 'ک': "ك", 'ـ': "", // Arabic: forms of alif and ya, Persian letters, a line that only makes a word longer
	'ё': "е", 'ѐ': "е",
}

// zeros begin the rows of digits that are read like our own.
var zeros = []rune{'٠', '۰', '०', '০', '๐'}

// fold makes of a text what is the same for all ways of writing it: without capital letters, accents and vowel signs, with our digits.
func fold(s string) string {
	if !strings.ContainsFunc(s, func(r rune) bool { return r > unicode.MaxASCII }) {
		return strings.ToLower(s) // as below, faster
	}
	var b strings.Builder
	for _, r := range norm.NFKD.String(cases.Fold().String(norm.NFKD.String(s))) {
		if unicode.Is(unicode.Mn, r) {
			continue
		}
		if same, ok := alike[r]; ok {
			b.WriteString(same)
			continue
		}
		if at := slices.IndexFunc(zeros, func(zero rune) bool { return r >= zero && r <= zero+9 }); at >= 0 {
			r = '0' + r - zeros[at]
		}
		b.WriteRune(r)
	}
	return b.String()
}

// apostrophes stand inside a word: O'Brien is one.
const apostrophes = "'’ʼ‘`´ʻ"

// wordsOf cuts a folded text into words. Each Chinese character is one, since a name is written without blanks.
func wordsOf(folded string) []string {
	var all []string
	var word []rune
	end := func() {
		if len(word) > 0 {
			all = append(all, string(word))
			word = nil
		}
	}
	for _, r := range folded {
		switch {
		case unicode.Is(unicode.Han, r):
			end()
			all = append(all, string(r))
		case unicode.IsLetter(r), unicode.IsNumber(r), unicode.Is(unicode.Mc, r):
			word = append(word, r)
		case r == '\u200c', r == '\u200d', strings.ContainsRune(apostrophes, r):
		default:
			end()
		}
	}
	end()
	return all
}

// hyphens stand between the two of a double name.
const hyphens = "-‐‑–"

// article is what many Arabic names begin with, and many people leave out.
const article = "ال"

// namedWords are the words that a name is found by: its own, those of a double name also together, what comes after an apostrophe or the Arabic article also
// alone.
func namedWords(name string) []string {
	folded := fold(name)
	all := wordsOf(folded)
	for part := range strings.FieldsFuncSeq(folded, unicode.IsSpace) {
		if strings.ContainsAny(part, hyphens) {
			all = append(all, strings.Join(wordsOf(part), ""))
		}
		if at := strings.LastIndexAny(part, apostrophes); at >= 0 {
			all = append(all, wordsOf(part[at:])...)
		}
	}
	for _, w := range slices.Clone(all) {
		if rest, ok := strings.CutPrefix(w, article); ok && len([]rune(rest)) > 1 {
			all = append(all, rest)
		}
	}
	return all
}

// Named says whether each word of query begins a word of a name, in any order.
func Named(name phi.Text, query string) bool {
	has := namedWords(name.Reveal())
	for _, word := range wordsOf(fold(query)) {
		if !slices.ContainsFunc(has, func(w string) bool { return strings.HasPrefix(w, word) }) {
			return false
		}
	}
	return true
}

// SameNumber says whether two numbers of a hospital are told apart by nothing.
func SameNumber(a, b phi.Text) bool { return numberKey(a.Reveal()) == numberKey(b.Reveal()) }

// numberKey is a hospital's number without what does not tell two numbers apart.
func numberKey(number string) string { return strings.Join(wordsOf(fold(number)), "") }

// dateWord is the word that a birth date is found by.
func dateWord(date string) string { return strings.ReplaceAll(date, "-", "") }

// searched are all words that a patient is found by.
func (p Patient) searched() []string {
	all := namedWords(p.Name.Reveal())
	for _, word := range append(wordsOf(fold(p.Number.Reveal())), numberKey(p.Number.Reveal())) {
		all = append(all, word, strings.TrimLeft(word, "0"))
	}
	all = append(all, dateWord(p.BirthDate.Reveal()))
	all = slices.DeleteFunc(all, func(w string) bool { return w == "" })
	slices.Sort(all)
	return slices.Compact(all)
}

// termBytes is how much of a word stands in the index.
const termBytes = 8

// termRange are the first and the last number of what begins with a word: its bytes, in an order that numbers have too. Of a word of more than
// termBytes only these count.
func termRange(word string) (first, last int64) {
	var low, high [termBytes]byte
	for i := range high {
		high[i] = 0xff
	}
	copy(low[:], word)
	copy(high[:], word)
	number := func(b [termBytes]byte) int64 { return int64(binary.BigEndian.Uint64(b[:]) ^ 1<<63) } // #nosec G115 -- the sign bit is turned on purpose: order stays
	return number(low), number(high)
}
