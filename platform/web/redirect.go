package web

import (
	"errors"
	"net/http"
	"strings"
)

// Redirect leads a browser on to another page of ours, by GET: path begins with one slash. Anything else may be somebody else's wish and is refused.
func Redirect(w http.ResponseWriter, r *http.Request, path string) {
	if !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") || strings.Contains(path, `\`) {
		Problem(w, r, errors.New("a redirect to no path of ours"))
		return
	}
	http.Redirect(w, r, path, http.StatusSeeOther) // #nosec G710 -- a path of ours, as was just seen
}
