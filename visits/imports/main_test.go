package imports_test

import (
	"testing"

	"go.uber.org/goleak"

	"housecall/platform/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(storetest.Both(m)) }
