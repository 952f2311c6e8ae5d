package web

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"housecall/platform/words"
)

// languageLife is how long a browser keeps the language that its reader chose.
const languageLife = 365 * 24 * time.Hour

// chooseLanguage takes the language somebody chose at the foot of a page, and leads back to that page.
func chooseLanguage(book *words.Book, secure bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if chosen, ok := book.Find(r.PostFormValue("language")); ok {
			http.SetCookie(w, &http.Cookie{Name: words.Cookie, Value: chosen.Tag, Path: "/", MaxAge: int(languageLife.Seconds()),
				Secure: secure, SameSite: http.SameSiteLaxMode})
		}
		// Our pages tell us alone which of them a form was on; of what is told only a path of ours is taken.
		to := url.URL{Path: "/"}
		if from, err := url.Parse(r.Referer()); err == nil && from.Host == r.Host && from.Path != "" && !strings.HasPrefix(from.Path, "//") {
			to = url.URL{Path: from.Path, RawQuery: from.RawQuery}
		}
		Redirect(w, r, to.String())
	}
}
