package imports_test

import (
	"testing"

	"go.uber.org/goleak"

	"housecall/platform/keys"
	"housecall/platform/people"
	"housecall/platform/sites"
	"housecall/platform/staff"
	"housecall/platform/store/storetest"
	"housecall/visits"
	"housecall/visits/imports"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(storetest.Both(m,
		storetest.Tables{Name: "keys", Files: keys.Migrations()},
		storetest.Tables{Name: "sites", Files: sites.Migrations()},
		storetest.Tables{Name: "people", Files: people.Migrations()},
		storetest.Tables{Name: "staff", Files: staff.Migrations()},
		storetest.Tables{Name: "visits", Files: visits.Migrations()},
		storetest.Tables{Name: "visits_imports", Files: imports.Migrations()}))
}
