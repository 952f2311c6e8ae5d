package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pressly/goose/v3"
)

// Table is a table of the database as a copy of everything needs to know it.
type Table struct {
	Name    string
	Columns []string
	text    []bool // which columns are text
}

// versionsPrefix begins the names of the tables that keep versions of migrations.
const versionsPrefix = "goose_"

// Snapshot runs f on everything as it was committed at one moment, however long f takes. Nobody waits for it, and it cannot write.
func (db *DB) Snapshot(ctx context.Context, f func(*Tx) error) error {
	pool := db.read
	if db.dialect == goose.DialectPostgres {
		pool = db.migrate // where statements may take their time
	}
	tx, err := pool.BeginTx(ctx, &sql.TxOptions{Isolation: db.snapshot, ReadOnly: true})
	if err != nil {
		return fmt.Errorf("begin: %w", mapped(err))
	}
	return mapped(errors.Join(f(&Tx{db, tx}), tx.Rollback()))
}

// Fill runs f in a transaction that holds the write lock, as Tx does, but in which statements may take their time. It is for a database that nobody
// uses yet.
func (db *DB) Fill(ctx context.Context, f func(*Tx) error) error {
	tx, err := db.migrate.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", mapped(err))
	}
	if db.lock != "" {
		_, err = tx.ExecContext(ctx, db.lock)
	}
	if err == nil {
		err = f(&Tx{db, tx})
	}
	if err != nil {
		return mapped(errors.Join(err, tx.Rollback()))
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", mapped(err))
	}
	return nil
}

func scanName(r *sql.Rows) (name string, err error) {
	err = r.Scan(&name)
	return name, err
}

// Versions gives the version of each package's tables, by the name that the package gave Migrate.
func (t *Tx) Versions(ctx context.Context) (map[string]int64, error) {
	names, err := t.tableNames(ctx)
	if err != nil {
		return nil, err
	}
	versions := map[string]int64{}
	for _, name := range names {
		module, found := strings.CutPrefix(name, versionsPrefix)
		if !found {
			continue
		}
		var version int64
		if err := t.QueryRowContext(ctx, `SELECT COALESCE(MAX(version_id), 0) FROM `+quoted(name)).Scan(&version); err != nil {
			return nil, fmt.Errorf("read versions of %s: %w", module, err)
		}
		versions[module] = version
	}
	return versions, nil
}

func (t *Tx) tableNames(ctx context.Context) ([]string, error) {
	query := `SELECT name FROM sqlite_master WHERE type = 'table' AND substr(name, 1, 7) <> 'sqlite_' ORDER BY name`
	if t.db.dialect == goose.DialectPostgres {
		query = `SELECT tablename FROM pg_tables WHERE schemaname = current_schema() ORDER BY tablename COLLATE "C"`
	}
	names, err := Collect(ctx, t, scanName, query)
	if err != nil {
		return nil, fmt.Errorf("list tables: %w", err)
	}
	return names, nil
}

// Tables lists all tables but those of versions: each after those that it refers to, and otherwise by name.
func (t *Tx) Tables(ctx context.Context) ([]Table, error) {
	names, err := t.tableNames(ctx)
	if err != nil {
		return nil, err
	}
	names = slices.DeleteFunc(names, func(name string) bool { return strings.HasPrefix(name, versionsPrefix) })
	var all []Table
	for len(names) > 0 {
		before := len(names)
		for _, name := range slices.Clone(names) {
			others, err := t.references(ctx, name)
			if err != nil {
				return nil, err
			}
			if slices.ContainsFunc(others, func(other string) bool { return other != name && slices.Contains(names, other) }) {
				continue // its turn comes
			}
			table, err := t.table(ctx, name)
			if err != nil {
				return nil, err
			}
			all = append(all, table)
			names = slices.DeleteFunc(names, func(n string) bool { return n == name })
		}
		if len(names) == before {
			return nil, fmt.Errorf("tables refer to each other in a circle: %v", names)
		}
	}
	return all, nil
}

// references lists the tables that a table refers to.
func (t *Tx) references(ctx context.Context, name string) ([]string, error) {
	query := `SELECT "table" FROM pragma_foreign_key_list(?)`
	if t.db.dialect == goose.DialectPostgres {
		query = `SELECT other.relname FROM pg_constraint c JOIN pg_class own ON own.oid = c.conrelid JOIN pg_class other ON other.oid = c.confrelid
			WHERE c.contype = 'f' AND c.connamespace = current_schema()::regnamespace AND own.relname = ?`
	}
	others, err := Collect(ctx, t, scanName, query, name)
	if err != nil {
		return nil, fmt.Errorf("read what %s refers to: %w", name, err)
	}
	return others, nil
}

func (t *Tx) table(ctx context.Context, name string) (Table, error) {
	rows, err := t.QueryContext(ctx, `SELECT * FROM `+quoted(name)+` LIMIT 0`)
	if err != nil {
		return Table{}, fmt.Errorf("read columns of %s: %w", name, err)
	}
	defer rows.Close()
	types, err := rows.ColumnTypes()
	if err != nil {
		return Table{}, fmt.Errorf("read columns of %s: %w", name, err)
	}
	table := Table{Name: name}
	for _, c := range types {
		table.Columns = append(table.Columns, c.Name())
		table.text = append(table.text, c.DatabaseTypeName() == "TEXT")
	}
	return table, mapped(rows.Err())
}

// Each calls f with every row of a table: for each column a string, an int64 or nil. Their order is the same on every engine. f must not keep
// the slice.
func (t *Tx) Each(ctx context.Context, table Table, f func(row []any) error) error {
	var columns, order []string
	for i, name := range table.Columns {
		columns = append(columns, quoted(name))
		by := quoted(name)
		if table.text[i] && t.db.dialect == goose.DialectPostgres {
			by += ` COLLATE "C"` // by bytes, as SQLite does
		}
		order = append(order, by+" NULLS FIRST")
	}
	rows, err := t.QueryContext(ctx, `SELECT `+strings.Join(columns, ", ")+` FROM `+quoted(table.Name)+` ORDER BY `+strings.Join(order, ", "))
	if err != nil {
		return fmt.Errorf("read %s: %w", table.Name, err)
	}
	defer rows.Close()
	row, into := make([]any, len(table.Columns)), make([]any, len(table.Columns))
	for i := range row {
		into[i] = &row[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return fmt.Errorf("read %s: %w", table.Name, mapped(err))
		}
		for i, value := range row {
			switch value := value.(type) {
			case nil, int64:
			case string:
				if !Keeps(value) {
					return fmt.Errorf("read %s: column %s holds what is no text", table.Name, table.Columns[i])
				}
			default:
				return fmt.Errorf("read %s: column %s holds a %T", table.Name, table.Columns[i], value)
			}
		}
		if err := f(row); err != nil {
			return err
		}
	}
	return mapped(rows.Err())
}

// Insert adds rows as Each gives them.
func (t *Tx) Insert(ctx context.Context, table Table, rows [][]any) error {
	if len(rows) == 0 {
		return nil
	}
	var columns []string
	for _, name := range table.Columns {
		columns = append(columns, quoted(name))
	}
	one := "(?" + strings.Repeat(", ?", len(columns)-1) + ")"
	_, err := t.ExecContext(ctx, `INSERT INTO `+quoted(table.Name)+` (`+strings.Join(columns, ", ")+`) VALUES `+one+strings.Repeat(", "+one, len(rows)-1),
		slices.Concat(rows...)...)
	if err != nil {
		return fmt.Errorf("fill %s: %w", table.Name, err)
	}
	return nil
}

func quoted(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }
