package doctor

import (
	"context"
	"time"

	"housecall/cmd/housecall/server"
	"housecall/platform/uploads"
)

// oldSignatures is the age at which a scanner's signatures are too old: new ones come each day.
const oldSignatures = 7 * 24 * time.Hour

// scanner has the virus scanner look at a harmless text, and at the file that every scanner must know.
func scanner(ctx context.Context, c server.Config) []Finding {
	s, err := uploads.ParseScanner(c.Scanner)
	switch {
	case err != nil:
		return []Finding{bad("scanner", err, "mend --scanner: see Files that people add in docs/operating.md")}
	case s == nil:
		return []Finding{good("scanner", "not used: --scanner is not set, so no files can be added to visits")}
	case !s.Looks():
		return []Finding{{"scanner", Weak, "nobody looks at files that people add", "run clamd and name it with --scanner, unless files are looked at elsewhere"}}
	}
	program, signatures, err := s.Version(ctx)
	if err != nil {
		return []Finding{bad("scanner", err, "start clamd, and let this machine and this user reach it at "+s.String()+"; until then files that people add wait")}
	}
	if err := s.Prove(ctx); err != nil {
		return []Finding{bad("scanner", err, "give clamd its signatures: run freshclam; until then look at no file that was added")}
	}
	switch age := c.Now().Sub(signatures); {
	case signatures.IsZero():
		return []Finding{{"scanner", Weak, program + " knows the test file, and does not say of when its signatures are", "run freshclam each day"}}
	case age > oldSignatures:
		return []Finding{{"scanner", Weak, program + " has signatures of " + signatures.Format(time.DateOnly), "run freshclam each day: see its log for why it does not"}}
	}
	return []Finding{good("scanner", "%s knows the test file; its signatures are of %s", program, signatures.Format(time.DateOnly))}
}
