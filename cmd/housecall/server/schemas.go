package server

import (
	"housecall/platform/api"
	"housecall/platform/backup"
	"housecall/platform/certs"
	"housecall/platform/emergency"
	"housecall/platform/jobs"
	"housecall/platform/keys"
	"housecall/platform/module"
	"housecall/platform/notify"
	"housecall/platform/people"
	"housecall/platform/sites"
	"housecall/platform/staff"
	"housecall/platform/store"
	"housecall/platform/uploads"
	"housecall/visits"
	"housecall/visits/after"
	"housecall/visits/figures"
	"housecall/visits/imports"
	"housecall/visits/reminders"
	"housecall/visits/retention"
)

// Schemas are the tables of every package, and of modules, in the order in which they are made.
func Schemas(modules ...module.Module) []backup.Schema {
	all := []backup.Schema{{Name: "store", Files: store.Migrations()}, {Name: "keys", Files: keys.Migrations()}, {Name: "staff", Files: staff.Migrations()},
		{Name: "certs", Files: certs.Migrations()}, {Name: "jobs", Files: jobs.Migrations()}, {Name: "notify", Files: notify.Migrations()},
		{Name: "uploads", Files: uploads.Migrations()},
		{Name: "sites", Files: sites.Migrations()}, {Name: "people", Files: people.Migrations()}, {Name: "visits", Files: visits.Migrations()}, {Name: "api", Files: api.Migrations()},
		{Name: "emergency", Files: emergency.Migrations()}, {Name: "visits_after", Files: after.Migrations()}, {Name: "visits_imports", Files: imports.Migrations()},
		{Name: "visits_reminders", Files: reminders.Migrations()}, {Name: "visits_retention", Files: retention.Migrations()},
		{Name: "figures", Files: figures.Migrations()}}
	for _, m := range modules {
		if m.Migrations != nil {
			all = append(all, backup.Schema{Name: m.Name, Files: m.Migrations})
		}
	}
	return all
}
