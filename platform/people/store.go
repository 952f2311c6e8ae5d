package people

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"housecall/platform/fault"
	"housecall/platform/phi"
	"housecall/platform/store"
)

const patientColumns = `id, site_id, name, birth_date, language, number, created_at, changed_at, version`

// scanPatient reads patientColumns.
func scanPatient(scan func(...any) error) (Patient, error) {
	var p Patient
	var created, changed int64
	if err := scan(&p.ID, &p.SiteID, &p.Name, &p.BirthDate, &p.Language, &p.Number, &created, &changed, &p.Version); err != nil {
		return Patient{}, err
	}
	p.CreatedAt, p.ChangedAt = store.Time(created), store.Time(changed)
	return p, nil
}

// patientRow reads one patient with the contacts.
func patientRow(ctx context.Context, q store.Queryer, id string) (Patient, error) {
	if !store.IsID(id) {
		return Patient{}, fault.NotFound
	}
	p, err := scanPatient(q.QueryRowContext(ctx, `SELECT `+patientColumns+` FROM patients WHERE id = ?`, id).Scan)
	if err != nil {
		return Patient{}, fmt.Errorf("read a patient: %w", err)
	}
	p.Contacts, err = store.Collect(ctx, q, func(r *sql.Rows) (Contact, error) {
		var c Contact
		var confidential int64
		err := r.Scan(&c.ID, &c.Kind, &c.Name, &c.Relation, &c.Email, &c.Phone, &c.Language, &confidential)
		c.Confidential = confidential == 1
		return c, err
	}, `SELECT id, kind, name, relation, email, phone, language, confidential FROM patient_contacts WHERE patient_id = ? ORDER BY place`, id)
	if err != nil {
		return Patient{}, fmt.Errorf("read contacts: %w", err)
	}
	return p, nil
}

// numberTaken says whether another patient of the site has the number.
func numberTaken(ctx context.Context, q store.Queryer, p Patient) (bool, error) {
	key := numberKey(p.Number.Reveal())
	if key == "" {
		return false, nil
	}
	var n int
	err := q.QueryRowContext(ctx, `SELECT COUNT(*) FROM patients WHERE site_id = ? AND number_key = ? AND number_key <> '' AND id <> ?`, p.SiteID, key, p.ID).Scan(&n)
	if err != nil {
		return false, fmt.Errorf("look for a number: %w", err)
	}
	return n > 0, nil
}

// withNumber reads up to limit patients with a number, of any site. The number is among the words that they are found by, which an index has for all sites at once.
func withNumber(ctx context.Context, q store.Queryer, number phi.Text, limit int) ([]Patient, error) {
	key := numberKey(number.Reveal())
	if key == "" {
		return nil, nil
	}
	term, _ := termRange(key)
	found, err := store.Collect(ctx, q, func(r *sql.Rows) (Patient, error) { return scanPatient(r.Scan) }, `SELECT `+patientColumns+`
		FROM patient_terms JOIN patients ON patients.id = patient_terms.patient_id WHERE patient_terms.term = ? AND patients.number_key = ? ORDER BY patients.id LIMIT ?`, term, key, limit)
	if err != nil {
		return nil, fmt.Errorf("look a number up: %w", err)
	}
	return found, nil
}

func insertPatient(ctx context.Context, tx *store.Tx, p Patient) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO patients (`+patientColumns+`, number_key, folded) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		p.ID, p.SiteID, p.Name, p.BirthDate, p.Language, p.Number, store.Millis(p.CreatedAt), store.Millis(p.ChangedAt), p.Version, numberKey(p.Number.Reveal()), p.folded())
	if err != nil {
		return fmt.Errorf("insert a patient: %w", err)
	}
	return p.writeParts(ctx, tx)
}

func updatePatient(ctx context.Context, tx *store.Tx, p Patient) error {
	_, err := tx.ExecContext(ctx, `UPDATE patients SET name = ?, birth_date = ?, language = ?, number = ?, changed_at = ?, version = ?, number_key = ?, folded = ? WHERE id = ?`,
		p.Name, p.BirthDate, p.Language, p.Number, store.Millis(p.ChangedAt), p.Version, numberKey(p.Number.Reveal()), p.folded(), p.ID)
	if err != nil {
		return fmt.Errorf("change a patient: %w", err)
	}
	for _, table := range []string{"patient_terms", "patient_contacts"} {
		if _, err := tx.ExecContext(ctx, `DELETE FROM `+table+` WHERE patient_id = ?`, p.ID); err != nil {
			return fmt.Errorf("drop from %s: %w", table, err)
		}
	}
	return p.writeParts(ctx, tx)
}

// folded is what search looks in.
func (p Patient) folded() string { return " " + strings.Join(p.searched(), " ") }

// writeParts writes the contacts, and what the patient is found by.
func (p Patient) writeParts(ctx context.Context, tx *store.Tx) error {
	for _, word := range p.searched() {
		term, _ := termRange(word)
		if _, err := tx.ExecContext(ctx, `INSERT INTO patient_terms (patient_id, term) VALUES (?, ?) ON CONFLICT DO NOTHING`, p.ID, term); err != nil {
			return fmt.Errorf("insert what a patient is found by: %w", err)
		}
	}
	for i, c := range p.Contacts {
		confidential := 0
		if c.Confidential {
			confidential = 1
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO patient_contacts (id, patient_id, place, kind, name, relation, email, phone, language, confidential)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, c.ID, p.ID, i, string(c.Kind), c.Name, c.Relation, c.Email, c.Phone, c.Language, confidential)
		if err != nil {
			return fmt.Errorf("insert a contact: %w", err)
		}
	}
	return nil
}

// Forget deletes patients, with their contacts and what they are found by. Nobody but retention may, which knows that no visit is theirs.
func Forget(ctx context.Context, tx *store.Tx, patients []string) error {
	return store.DeleteWhere(ctx, tx, patients, "patient_terms.patient_id", "patient_contacts.patient_id", "patients.id")
}
