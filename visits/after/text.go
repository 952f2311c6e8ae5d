package after

import "strings"

// block is a part of a summary as it is shown: a paragraph of some lines, or a list.
type block struct{ Lines, Items []string }

// blocks parts plain text into paragraphs, which an empty line ends, and lists, whose lines begin with a dash, a star or a dot. Nothing else means anything, so that a
// text reads the same wherever it is shown.
func blocks(text string) (all []block) {
	fresh := true // an empty line came before
	for line := range strings.SplitSeq(strings.ReplaceAll(text, "\r\n", "\n"), "\n") {
		line = strings.TrimSpace(line)
		item, listed := listItem(line)
		last := len(all) - 1
		switch {
		case line == "":
			fresh = true
			continue
		case listed && (fresh || len(all[last].Items) == 0):
			all = append(all, block{Items: []string{item}})
		case listed:
			all[last].Items = append(all[last].Items, item)
		case fresh || len(all[last].Items) > 0:
			all = append(all, block{Lines: []string{line}})
		default:
			all[last].Lines = append(all[last].Lines, line)
		}
		fresh = false
	}
	return all
}

func listItem(line string) (item string, listed bool) {
	for _, mark := range []string{"- ", "* ", "• "} {
		if item, listed = strings.CutPrefix(line, mark); listed {
			return strings.TrimSpace(item), true
		}
	}
	return "", false
}
