package store

import (
	"strconv"
	"strings"
)

// rebind numbers the placeholders of a query as PostgreSQL wants them: `?` becomes $1, $2, … What stands in quotes, in a quoted name, or in a
// comment is no placeholder. Queries of this program have no operator with a question mark and no text between dollar signs.
func rebind(query string) string {
	if !strings.Contains(query, "?") {
		return query
	}
	var b strings.Builder
	b.Grow(len(query) + 16)
	n := 0
	for rest := query; rest != ""; {
		at := strings.IndexAny(rest, `?'"-/`)
		if at < 0 {
			b.WriteString(rest)
			break
		}
		b.WriteString(rest[:at])
		rest = rest[at:]
		if rest[0] == '?' {
			n++
			b.WriteString("$" + strconv.Itoa(n))
			rest = rest[1:]
			continue
		}
		end := literal(rest)
		b.WriteString(rest[:end])
		rest = rest[end:]
	}
	return b.String()
}

// literal is the length of what begins at s: a text or a name in quotes, a comment, or one byte of anything else. A doubled quote ends one text and
// begins another, which comes to the same.
func literal(s string) int {
	end := ""
	switch {
	case s[0] == '\'' || s[0] == '"':
		end = s[:1]
	case strings.HasPrefix(s, "--"):
		end = "\n"
	case strings.HasPrefix(s, "/*"):
		end = "*/"
	default:
		return 1
	}
	begin := min(len(s), max(len(end), 1))
	at := strings.Index(s[begin:], end)
	if at < 0 {
		return len(s)
	}
	return begin + at + len(end)
}
