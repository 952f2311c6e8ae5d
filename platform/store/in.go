package store

import (
	"context"
	"fmt"
	"strings"
)

// In is a list for SQL's IN, and its arguments. It is never empty: no id of ours is "".
func In(ids []string) (list string, args []any) {
	if len(ids) == 0 {
		ids = []string{""}
	}
	for _, id := range ids {
		args = append(args, id)
	}
	return `(?` + strings.Repeat(`, ?`, len(ids)-1) + `)`, args
}

// DeleteWhere deletes the rows of tables of which a column has one of these ids, table by table: each is "table.column", or a whole condition after
// "table WHERE " that has one %s for the list.
func DeleteWhere(ctx context.Context, tx *Tx, ids []string, tables ...string) error {
	in, args := In(ids)
	for _, t := range tables {
		table, where, whole := strings.Cut(t, " WHERE ")
		if whole {
			where = fmt.Sprintf(where, in)
		} else {
			table, where, _ = strings.Cut(t, ".")
			where += " IN " + in
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM `+table+` WHERE `+where, args...); err != nil {
			return fmt.Errorf("delete from %s: %w", table, err)
		}
	}
	return nil
}
