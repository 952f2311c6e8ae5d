package store

import "testing"

func TestRebind(t *testing.T) {
	for query, want := range map[string]string{
		``:                                      ``,
		`SELECT 1`:                              `SELECT 1`,
		`a = ? AND b IN (?, ?)`:                 `a = $1 AND b IN ($2, $3)`,
		`? ?`:                                   `$1 $2`,
		`a = '?' AND b = ?`:                     `a = '?' AND b = $1`,
		`a = 'it''s ?' AND b = ?`:               `a = 'it''s ?' AND b = $1`,
		`a = '''?''' || ?`:                      `a = '''?''' || $1`,
		`a = '' AND b = ?`:                      `a = '' AND b = $1`,
		`"odd?name" = ?`:                        `"odd?name" = $1`,
		`"a""?" = ?`:                            `"a""?" = $1`,
		"a -- why?\n= ?":                        "a -- why?\n= $1",
		`a /* why? */ = ?`:                      `a /* why? */ = $1`,
		`a /*? it's */ = ?`:                     `a /*? it's */ = $1`,
		`a - ? / ?`:                             `a - $1 / $2`,
		`a = 'open ?`:                           `a = 'open ?`,
		`a = ? -- open ?`:                       `a = $1 -- open ?`,
		`?,?,?,?,?,?,?,?,?,?,?`:                 `$1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11`,
		`(starts_at, id) > (?, ?) AND x = 'é?'`: `(starts_at, id) > ($1, $2) AND x = 'é?'`,
	} {
		if got := rebind(query); got != want {
			t.Errorf("%s became %s, want %s", query, got, want)
		}
	}
}

// TestTLSToAnotherMachine: what leaves the machine is encrypted to a server that proved who it is, unless somebody says otherwise.
func TestTLSToAnotherMachine(t *testing.T) {
	for _, name := range []string{"PGSSLMODE", "PGHOST", "PGPORT"} {
		t.Setenv(name, "")
	}
	for address, want := range map[string]string{
		"postgres://u@db.example/d":                       "verified",
		"postgres://u@db.example/d?application_name=x":    "verified",
		"postgres://u@192.0.2.1/d":                        "verified",
		"postgres://u@/d?host=/run/postgresql,db.example": "verified",
		"postgres://u@db.example/d?sslmode=require":       "encrypted",
		"postgres://u@db.example/d?sslmode=disable":       "plain",
		"postgres://u@localhost/d":                        "encrypted", // where the server can
		"postgresql://u@[::1]/d?sslmode=disable":          "plain",
		"postgres://u@127.0.0.1/d?sslmode=verify-full":    "verified",
		"postgres://u@db.example/d?host=/run/postgresql":  "plain", // a socket
		"postgres://u@db.example/d?ssl=true":              "encrypted",
	} {
		config, err := parsePostgres(address)
		if err != nil {
			t.Errorf("%s: %v", address, err)
			continue
		}
		got := "plain"
		if c := config.TLSConfig; c != nil {
			if got = "verified"; c.InsecureSkipVerify {
				got = "encrypted"
			}
		}
		if config.Host[0] == '/' && len(config.Fallbacks) > 0 && config.Fallbacks[0].TLSConfig != nil && !config.Fallbacks[0].TLSConfig.InsecureSkipVerify {
			got = "verified" // the other machine
		}
		if got != want {
			t.Errorf("%s is %s, want %s", address, got, want)
		}
	}
	t.Setenv("PGSSLMODE", "require")
	if config, err := parsePostgres("postgres://u@db.example/d"); err != nil || config.TLSConfig == nil || !config.TLSConfig.InsecureSkipVerify {
		t.Errorf("PGSSLMODE is not heard: %v", err)
	}
}
