package audit_test

import (
	"encoding/base64"

	"golang.org/x/mod/sumdb/tlog"

	"housecall/platform/audit"
)

// swapHash changes one stored hash.
func (h *hospital) swapHash(level, number, at int) {
	h.Helper()
	var text string
	if err := h.db.QueryRowContext(h.Context(), `SELECT hashes FROM audit_tiles WHERE level = ? AND number = ?`, level, number).Scan(&text); err != nil {
		h.Fatal(err)
	}
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		h.Fatal(err)
	}
	b[at*tlog.HashSize] ^= 1
	h.sql(`UPDATE audit_tiles SET hashes = ? WHERE level = ? AND number = ?`, base64.StdEncoding.EncodeToString(b), level, number)
}

// rehash has every stored hash fit the rows as they are now, and leaves the checkpoints: nobody else can sign.
func (h *hospital) rehash() {
	h.Helper()
	h.sql(`CREATE TABLE kept AS SELECT * FROM audit_checkpoints`)
	h.forge()
	h.sql(`DELETE FROM audit_checkpoints`)
	h.sql(`INSERT INTO audit_checkpoints SELECT * FROM kept`)
	h.sql(`DROP TABLE kept`)
}

// forge seals everything anew, as somebody who has the program and the database, but not the master key.
func (h *hospital) forge() {
	h.Helper()
	h.sql(`DELETE FROM audit_tiles`)
	h.sql(`DELETE FROM audit_checkpoints`)
	if _, err := audit.New(audit.Config{DB: h.db, Key: keyOf(h, 2), Now: h.log.Now}).Seal(h.Context()); err != nil {
		h.Fatal(err)
	}
}
