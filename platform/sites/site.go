// Package sites holds the places of the hospital that have patients: where they are, when they work, which languages they serve, and the services
// that visits are made for. SQL owns all of it, and every act is written together with its audit row.
// It must never tell anybody who may not know, and never leave the hospital without a site.
package sites

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"housecall/auth"
	"housecall/platform/fault"
	"housecall/platform/typed"
)

// The actions of sites and services.
const (
	Read  auth.Action = "sites.read"
	Write auth.Action = "sites.write"
)

// Rules are who may do what with sites and services.
var Rules = []auth.Rule{
	{Action: Read, Meaning: "see sites and services", Roles: []auth.Role{auth.Scheduler, auth.Coordinator, auth.Admin, auth.Program}},
	{Action: Write, Meaning: "change sites and services", Roles: []auth.Role{auth.Admin}},
}

// Site is a place of the hospital.
type Site struct {
	ID   string
	Name string // what families and staff read
	Calendar
	Country   string   // ISO 3166, as in US: whose telephone numbers are written without a country code; empty: nobody's
	Languages []string // tags of the languages its families are served in, at least one
	Phone     string   // the number of last resort, as people write it; empty: none
	CreatedAt time.Time
	Version   int // counts changes, from 1
}

// Service is what visits are made for, such as cardiology.
type Service struct {
	ID           string
	SiteID       string
	Name         string // what families and staff read
	Minutes      int    // how long a visit is planned, unless somebody says otherwise
	AskBirthDate bool   // links of its visits ask for the patient's date of birth
	Confidential bool   // its visits are the adolescent's own, unless somebody says otherwise
	Active       bool   // new visits may be made for it
	CreatedAt    time.Time
	Version      int // counts changes, from 1
}

// Limits.
const (
	MaxName     = 80 // characters
	MaxHolidays = 200
	MinMinutes  = 5
	MaxMinutes  = 480
	maxZone     = 64
)

// phoneNumber is a number as people write it: what a page can turn into something to tap.
var phoneNumber = regexp.MustCompile(`^\+?[0-9(][0-9 ()./-]{1,28}[0-9]( ?(ext\.?|x) ?[0-9]{1,6})?$`)

// IsPhone says whether s is a telephone number as people write it, as in +1 617 555 0100 or 617 555 0100 ext. 12.
func IsPhone(s string) bool { return phoneNumber.MatchString(s) }

// Dialled is what a telephone dials for a number as people write it, as in +16175550100: an extension is dialled after a pause, which a comma stands for. Pages of
// visits do the same in static/js/ui/phone.js.
func Dialled(phone string) string {
	digits := func(s string) string {
		return strings.Map(func(r rune) rune {
			if r >= '0' && r <= '9' {
				return r
			}
			return -1
		}, s)
	}
	number, extension, _ := strings.Cut(phone, "x") // of "ext." too
	dialled := digits(number)
	if strings.HasPrefix(strings.TrimSpace(phone), "+") {
		dialled = "+" + dialled
	}
	if extension = digits(extension); extension != "" {
		dialled += "," + extension
	}
	return dialled
}

var countryCode = regexp.MustCompile(`^[A-Z]{2}$`)

// Weekdays are all days of the week, from Monday.
func Weekdays() []time.Weekday {
	return []time.Weekday{time.Monday, time.Tuesday, time.Wednesday, time.Thursday, time.Friday, time.Saturday, time.Sunday}
}

// ParseZone finds a time zone such as Europe/Berlin by its name.
func ParseZone(name string) (*time.Location, error) {
	// "" and "Local" would be whatever the machine has: nobody's choice.
	if name == "" || name == "Local" || len(name) > maxZone {
		return nil, fmt.Errorf("there is no time zone %.64q", name)
	}
	return time.LoadLocation(name)
}

// OfPlace says whether a time zone is that of a place, or UTC. EST, Etc/GMT+5 and their like know no summer time: half a year all would be an hour off.
// Places have small letters in their names, as America/New_York and Japan have, but for some countries, which have rules of their own too.
func OfPlace(zone *time.Location) bool {
	name := zone.String()
	switch name {
	case "UTC", "Etc/UTC", "GB", "NZ", "NZ-CHAT", "PRC", "ROK", "W-SU": // the second is what Debian calls the first
		return true
	}
	return name != strings.ToUpper(name) && name != "Local" && !strings.HasPrefix(name, "Etc/")
}

// ParseClock reads a time of day as in 17:00.
func ParseClock(s string) (time.Duration, error) {
	t, err := time.Parse("15:04", typed.Digits(s))
	if err != nil {
		return 0, fmt.Errorf("%.16q is no time as in 17:00", s)
	}
	return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute, nil
}

// FormatClock is the inverse of ParseClock.
func FormatClock(d time.Duration) string { return time.Time{}.Add(d).Format("15:04") }

// tidy tidies what people typed, and puts days into their order.
func (s Site) tidy() Site {
	s.Name, s.Phone = typed.Line(s.Name), typed.Digits(typed.Line(s.Phone))
	s.Country = strings.ToUpper(strings.TrimSpace(s.Country))
	s.Weekend = slices.Clone(s.Weekend)
	slices.Sort(s.Weekend)
	s.Weekend = slices.Compact(s.Weekend)
	s.Holidays = slices.Clone(s.Holidays)
	for i, h := range s.Holidays {
		s.Holidays[i].Name = typed.Line(h.Name)
	}
	slices.SortStableFunc(s.Holidays, func(a, b Holiday) int { return cmp.Compare(a.Day, b.Day) })
	return s
}

// check says all that is wrong with a tidy site, field by field. languages are those there are.
func (s Site) check(languages []string) error {
	var wrong []fault.Field
	add := func(field, key, detail string) {
		wrong = append(wrong, fault.Field{Field: field, Key: key, Detail: detail})
	}
	if key, detail := typed.CheckName(s.Name, MaxName); key != "" {
		add("name", key, detail)
	}
	if s.Zone == nil || !OfPlace(s.Zone) {
		add("zone", "odd", "must be the name of a place's time zone, as in Europe/Berlin, or UTC")
	}
	if s.Country != "" && !countryCode.MatchString(s.Country) {
		add("country", "odd", "must be the two letters of a country, as in US")
	}
	if s.Phone != "" && !IsPhone(s.Phone) {
		add("phone", "odd", "must be a telephone number, as in +1 617 555 0100")
	}
	if len(s.Languages) == 0 {
		add("languages", "empty", "must be one or more")
	}
	for _, tag := range s.Languages {
		if !slices.Contains(languages, tag) {
			add("languages", "odd", "must be among the languages there are: "+strings.Join(languages, ", "))
			break
		}
	}
	if len(s.Weekend) >= len(Weekdays()) {
		add("weekend", "all", "must leave a day to work on")
	}
	for _, d := range s.Weekend {
		if d < time.Sunday || d > time.Saturday {
			add("weekend", "odd", "must be days of the week")
			break
		}
	}
	if s.CutOff < 0 || s.CutOff >= 24*time.Hour || s.CutOff%time.Minute != 0 {
		add("cut_off", "odd", "must be a time of day, as in 17:00")
	}
	if key, detail := checkHolidays(s.Holidays); key != "" {
		add("holidays", key, detail)
	}
	return fault.InvalidAll(wrong...)
}

// checkHolidays says what is wrong with holidays in their order.
func checkHolidays(all []Holiday) (key, detail string) {
	if len(all) > MaxHolidays {
		return "many", fmt.Sprintf("must be at most %d", MaxHolidays)
	}
	for i, h := range all {
		if h.Day < Date(2000, time.January, 1) || h.Day > Date(2199, time.December, 31) {
			return "far", "must be between 2000 and 2199"
		}
		if key, _ := typed.Check(h.Name, MaxName); key != "" {
			return "name", fmt.Sprintf("must have names of one line, of at most %d characters", MaxName)
		}
		if i > 0 && all[i-1].Day == h.Day {
			return "twice", "must name each day once"
		}
	}
	return "", ""
}

func (s Service) tidy() Service {
	s.Name = typed.Line(s.Name)
	return s
}

// check says all that is wrong with a tidy service. others are the services of the same site.
func (s Service) check(others []Service) error {
	var wrong []fault.Field
	if key, detail := typed.CheckName(s.Name, MaxName); key != "" {
		wrong = append(wrong, fault.Field{Field: "name", Key: key, Detail: detail})
	}
	for _, o := range others {
		if o.ID != s.ID && strings.EqualFold(o.Name, s.Name) {
			wrong = append(wrong, fault.Field{Field: "name", Key: "taken", Detail: "is the name of another service of this site"})
			break
		}
	}
	if s.Minutes < MinMinutes || s.Minutes > MaxMinutes {
		wrong = append(wrong, fault.Field{Field: "minutes", Key: "range", Detail: fmt.Sprintf("must be from %d to %d", MinMinutes, MaxMinutes)})
	}
	return fault.InvalidAll(wrong...)
}
