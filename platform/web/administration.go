package web

import (
	"slices"

	"housecall/auth"
)

// AdminPath is the page that leads to all pages of the administration.
const AdminPath = "/admin"

// Groups of the administration's page, in its order: keys of the catalogues.
const (
	GroupPeople   = "admin.group.people"
	GroupHospital = "admin.group.hospital"
	GroupPrograms = "admin.group.programs"
	GroupInsight  = "admin.group.insight"
)

// Groups are all groups of the administration's page, in its order.
func Groups() []string { return []string{GroupPeople, GroupHospital, GroupPrograms, GroupInsight} }

// LinksFor parts the links that somebody may follow: those of the navigation, and those of the administration's page. Who may not open that page
// has its links in the navigation.
func LinksFor(all []Link, may func(auth.Action) bool) (navigation, administration []Link) {
	all = slices.DeleteFunc(slices.Clone(all), func(l Link) bool { return l.Action != "" && !may(l.Action) })
	if !slices.ContainsFunc(all, func(l Link) bool { return l.Path == AdminPath }) {
		return all, nil
	}
	for _, l := range all {
		if l.Group == "" {
			navigation = append(navigation, l)
		} else {
			administration = append(administration, l)
		}
	}
	return navigation, administration
}

// under is the page that leads a reader to another, where that is not the navigation.
func under(r *Reader, p Page) string {
	if r != nil && slices.ContainsFunc(r.Admin, func(l Link) bool { return l.Path == p.Active }) {
		return AdminPath
	}
	return ""
}
