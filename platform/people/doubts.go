package people

import (
	"fmt"
	"slices"
	"time"

	"github.com/nyaruka/phonenumbers"
)

// Doubt is something about a patient that may be right, but is worth a second look before it is kept.
type Doubt struct {
	Field string // as in a fault.Field
	Key   string // "old": an unusual age for this hospital; "unknown": a telephone number that is not in use as far as is known; "twice": another patient is alike
	Years int    // of age, where it is old
	Alike []Patient
}

// unusualAge is from where on a birth date looks like a slip: young adults stay with those who have treated them since they were small.
const unusualAge = 26

// doubts are those that the patient alone gives rise to.
func (p Patient) doubts(now time.Time, zone *time.Location) (all []Doubt) {
	if years, known := p.Age(now, zone); known && years >= unusualAge {
		all = append(all, Doubt{Field: "birth_date", Key: "old", Years: years})
	}
	for i, c := range p.Contacts {
		if n, err := phonenumbers.Parse(c.Phone.Reveal(), ""); err == nil && !phonenumbers.IsValidNumber(n) {
			all = append(all, Doubt{Field: fmt.Sprintf("contacts[%d].phone", i), Key: "unknown"})
		}
	}
	return all
}

// alike says whether two patients could be one: the same birth date and the same words in the name, in any order.
func (p Patient) alike(o Patient) bool {
	return p.ID != o.ID && p.BirthDate == o.BirthDate && slices.Equal(sortedWords(p), sortedWords(o))
}

func sortedWords(p Patient) []string {
	return slices.Sorted(slices.Values(wordsOf(fold(p.Name.Reveal()))))
}
