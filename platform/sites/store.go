package sites

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"housecall/platform/fault"
	"housecall/platform/store"
)

const siteColumns = `id, name, zone, country, languages, weekend, cut_off, phone, created_at, version`

// scanSite reads siteColumns.
func scanSite(scan func(...any) error) (Site, error) {
	var s Site
	var zone, languages, weekend string
	var cutOff, created int64
	if err := scan(&s.ID, &s.Name, &zone, &s.Country, &languages, &weekend, &cutOff, &s.Phone, &created, &s.Version); err != nil {
		return Site{}, err
	}
	var err error
	if s.Zone, err = ParseZone(zone); err != nil {
		return Site{}, err
	}
	s.Languages = strings.Fields(languages)
	for _, digit := range weekend {
		s.Weekend = append(s.Weekend, time.Weekday(digit-'0'))
	}
	s.CutOff, s.CreatedAt = time.Duration(cutOff)*time.Minute, store.Time(created)
	return s, nil
}

func weekendDigits(days []time.Weekday) string {
	var b strings.Builder
	for _, d := range days {
		b.WriteByte('0' + byte(d))
	}
	return b.String()
}

// allSites reads every site, the oldest first, with its holidays.
func allSites(ctx context.Context, q store.Queryer) ([]Site, error) {
	all, err := store.Collect(ctx, q, func(r *sql.Rows) (Site, error) { return scanSite(r.Scan) }, `SELECT `+siteColumns+` FROM sites ORDER BY id`)
	if err != nil {
		return nil, fmt.Errorf("list sites: %w", err)
	}
	for i := range all {
		if all[i].Holidays, err = holidaysOf(ctx, q, all[i].ID); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// siteRow reads one site with its holidays.
func siteRow(ctx context.Context, q store.Queryer, id string) (Site, error) {
	if !store.IsID(id) {
		return Site{}, fault.NotFound
	}
	s, err := scanSite(q.QueryRowContext(ctx, `SELECT `+siteColumns+` FROM sites WHERE id = ?`, id).Scan)
	if err != nil {
		return Site{}, fmt.Errorf("read a site: %w", err)
	}
	s.Holidays, err = holidaysOf(ctx, q, id)
	return s, err
}

func holidaysOf(ctx context.Context, q store.Queryer, site string) ([]Holiday, error) {
	all, err := store.Collect(ctx, q, func(r *sql.Rows) (h Holiday, err error) {
		var day string
		if err := r.Scan(&day, &h.Name); err != nil {
			return Holiday{}, err
		}
		h.Day, err = ParseDay(day)
		return h, err
	}, `SELECT day, name FROM site_holidays WHERE site_id = ? ORDER BY day`, site)
	if err != nil {
		return nil, fmt.Errorf("read holidays: %w", err)
	}
	return all, nil
}

func insertSite(ctx context.Context, tx *store.Tx, s Site) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO sites (`+siteColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		s.ID, s.Name, s.Zone.String(), s.Country, strings.Join(s.Languages, " "), weekendDigits(s.Weekend), int64(s.CutOff/time.Minute), s.Phone,
		store.Millis(s.CreatedAt), s.Version)
	if err != nil {
		return fmt.Errorf("insert a site: %w", err)
	}
	return writeHolidays(ctx, tx, s)
}

func updateSite(ctx context.Context, tx *store.Tx, s Site) error {
	_, err := tx.ExecContext(ctx, `UPDATE sites SET name = ?, zone = ?, country = ?, languages = ?, weekend = ?, cut_off = ?, phone = ?, version = ? WHERE id = ?`,
		s.Name, s.Zone.String(), s.Country, strings.Join(s.Languages, " "), weekendDigits(s.Weekend), int64(s.CutOff/time.Minute), s.Phone, s.Version, s.ID)
	if err != nil {
		return fmt.Errorf("change a site: %w", err)
	}
	return writeHolidays(ctx, tx, s)
}

// writeHolidays replaces the holidays of a site.
func writeHolidays(ctx context.Context, tx *store.Tx, s Site) error {
	if _, err := tx.ExecContext(ctx, `DELETE FROM site_holidays WHERE site_id = ?`, s.ID); err != nil {
		return fmt.Errorf("drop holidays: %w", err)
	}
	for _, h := range s.Holidays {
		if _, err := tx.ExecContext(ctx, `INSERT INTO site_holidays (site_id, day, name) VALUES (?, ?, ?)`, s.ID, h.Day.String(), h.Name); err != nil {
			return fmt.Errorf("insert a holiday: %w", err)
		}
	}
	return nil
}

const serviceColumns = `id, site_id, name, minutes, ask_birth_date, confidential, active, created_at, version`

// scanService reads serviceColumns.
func scanService(scan func(...any) error) (Service, error) {
	var s Service
	var asks, confidential, active, created int64
	if err := scan(&s.ID, &s.SiteID, &s.Name, &s.Minutes, &asks, &confidential, &active, &created, &s.Version); err != nil {
		return Service{}, err
	}
	s.AskBirthDate, s.Confidential, s.Active, s.CreatedAt = asks == 1, confidential == 1, active == 1, store.Time(created)
	return s, nil
}

// servicesOf reads the services of a site, of an empty id those of all, the oldest first.
func servicesOf(ctx context.Context, q store.Queryer, site string) ([]Service, error) {
	all, err := store.Collect(ctx, q, func(r *sql.Rows) (Service, error) { return scanService(r.Scan) },
		`SELECT `+serviceColumns+` FROM site_services WHERE ? = '' OR site_id = ? ORDER BY id`, site, site)
	if err != nil {
		return nil, fmt.Errorf("list services: %w", err)
	}
	return all, nil
}

func serviceRow(ctx context.Context, q store.Queryer, id string) (Service, error) {
	if !store.IsID(id) {
		return Service{}, fault.NotFound
	}
	s, err := scanService(q.QueryRowContext(ctx, `SELECT `+serviceColumns+` FROM site_services WHERE id = ?`, id).Scan)
	if err != nil {
		return Service{}, fmt.Errorf("read a service: %w", err)
	}
	return s, nil
}

func insertService(ctx context.Context, tx *store.Tx, s Service) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO site_services (`+serviceColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		s.ID, s.SiteID, s.Name, s.Minutes, number(s.AskBirthDate), number(s.Confidential), number(s.Active), store.Millis(s.CreatedAt), s.Version)
	if err != nil {
		return fmt.Errorf("insert a service: %w", err)
	}
	return nil
}

func updateService(ctx context.Context, tx *store.Tx, s Service) error {
	_, err := tx.ExecContext(ctx, `UPDATE site_services SET name = ?, minutes = ?, ask_birth_date = ?, confidential = ?, active = ?, version = ? WHERE id = ?`,
		s.Name, s.Minutes, number(s.AskBirthDate), number(s.Confidential), number(s.Active), s.Version, s.ID)
	if err != nil {
		return fmt.Errorf("change a service: %w", err)
	}
	return nil
}

// number is a truth value as both engines keep it.
func number(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
