package people

import (
	"context"
	"time"

	"housecall/platform/phi"
	"housecall/platform/typed"
)

// Identify finds who has all words of a name, or a number, and was born that day (YYYY-MM-DD), for the program itself: it shows nobody anything. With more than one
// the words were too few.
func (s *Service) Identify(ctx context.Context, words, birthDate string) (ids []string, err error) {
	birthDate = typed.Digits(typed.Line(birthDate))
	if _, err := time.Parse(time.DateOnly, birthDate); err != nil || typed.Line(words) == "" {
		return nil, nil
	}
	parts, err := parseSearch(words + " " + birthDate)
	if err != nil {
		return nil, err
	}
	found, err := find(ctx, s.config.DB, parts, MaxFound)
	if err != nil {
		return nil, err
	}
	if number := parseNumber(words); len(found) == 0 && number != nil {
		if found, err = find(ctx, s.config.DB, number, MaxFound); err != nil {
			return nil, err
		}
	}
	for _, p := range found {
		if p.BirthDate == phi.Text(birthDate) {
			ids = append(ids, p.ID)
		}
	}
	return ids, nil
}
