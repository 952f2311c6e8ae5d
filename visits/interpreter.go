package visits

import (
	"context"
	"fmt"

	"golang.org/x/text/language"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/store"
)

// BookInterpreter says whether a visit that is not over has an interpreter, and of which language (BCP 47; empty with none). What is wrong is a fault.NotValid.
func (s *Service) BookInterpreter(ctx context.Context, actor auth.Actor, visit string, i Interpreter, tag string) error {
	tag = tidyTag(tag)
	return s.act(ctx, actor, "visit.interpreter", auth.VisitSchedule, store.About("visit", visit), func(tx *store.Tx, a *store.Act) error {
		v, err := s.visitRow(ctx, tx, visit)
		if err != nil {
			return err
		}
		if s.Over(v) {
			return conflict("visit_over.move", "The visit is over, so it cannot be changed.")
		}
		if err := fault.InvalidAll(checkInterpreter(i, tag)...); err != nil {
			return err
		}
		a.Detail = "from " + wordOf(v.Interpreter) + " to " + wordOf(i)
		if v.Interpreter == i && v.InterpreterLanguage == tag {
			return nil
		}
		v.Interpreter, v.InterpreterLanguage = i, tag
		if _, err := tx.ExecContext(ctx, `UPDATE visits SET interpreter = ?, interpreter_language = ? WHERE id = ?`, string(i), tag, v.ID); err != nil {
			return fmt.Errorf("book an interpreter: %w", err)
		}
		return s.changed(ctx, tx, ChangeBooking, v, "")
	})
}

// tidyTag writes the tag of a language as it is written.
func tidyTag(tag string) string {
	if t, err := language.Parse(tag); err == nil && tag != "" {
		return t.String()
	}
	return tag
}

func wordOf(i Interpreter) string {
	if i == InterpreterNone {
		return "none"
	}
	return string(i)
}

// checkInterpreter says what is wrong with what is said of an interpreter.
func checkInterpreter(i Interpreter, tag string) (wrong []fault.Field) {
	add := func(field, key, detail string) {
		wrong = append(wrong, fault.Field{Field: field, Key: key, Detail: detail})
	}
	switch i {
	case InterpreterNone:
		if tag != "" {
			add("interpreter", "empty", "is needed with interpreter_language")
		}
	case InterpreterRequested, InterpreterConfirmed:
		if _, err := language.Parse(tag); tag == "" || err != nil || len(tag) > maxTag {
			add("interpreter_language", "odd", "must be the tag of a language, as in es or ase")
		}
	default:
		add("interpreter", "odd", "must be requested or confirmed, or not be there")
	}
	return wrong
}
