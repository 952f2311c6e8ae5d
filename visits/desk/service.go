package desk

import (
	"net/url"
	"strings"
)

// otherService is the field that says that a service's name is meant although the site has services, and none has it.
const otherService = "other_service"

// unlisted says whether to ask about a service's name: mistyped it would be none of the site's, and what holds of those, that they are confidential or ask for a
// date of birth, would not hold. Where the site has no services, any name is as good.
func unlisted(name string, known, hasServices bool) bool {
	return name != "" && !known && hasServices
}

// agreed says whether a form says that a service's name is meant. Of another name it is asked anew.
func agreed(form url.Values, name string) bool {
	return name != "" && strings.TrimSpace(form.Get(otherService)) == name
}
