package figures

import (
	"context"
	"encoding/csv"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"housecall/platform/store"
	"housecall/platform/typed"
	"housecall/platform/web"
	"housecall/platform/words"
)

// Path is the page of figures.
const Path = "/figures"

// Links are the entries of this package in the navigation.
func Links() []web.Link {
	return []web.Link{{Path: Path, Words: "figures.title", Action: Read, Group: web.GroupInsight, About: "figures.about"}}
}

// Routes adds the page and its table for spreadsheets.
func (s *Service) Routes(routes *web.Routes) {
	routes.HandleFunc("GET "+Path, web.Staff(Read), s.page)
	routes.HandleFunc("GET "+Path+".csv", web.Staff(Read), s.table)
}

// option is a choice of the form.
type option struct {
	Value, Text string
	On          bool
}

// pageView is what the page shows.
type pageView struct {
	From, To        string // To is the last day
	CSV, CSVSpoken  string // addresses of the tables: of weeks or months, of languages
	Periods         []option
	Sites, Services []option
	Problems        web.Problems
	Rows            []rowView
	All             rowView
	Languages       []option // with how many visits
	Visits, Waits   chart
	Technical       chart
	Answers         chart
	Empty           bool
	Few             int
}

// rowView is a row in the reader's words.
type rowView struct {
	Row
	Name, MedianText, P90Text, AloneText, WorkedText, AnsweredText string
}

// Count is how many visits of the row are such, where more is told of it than how many there were.
func (v rowView) Count(visits int) string {
	if !v.Told() {
		return "–"
	}
	return strconv.Itoa(visits)
}

// today is now by the clocks of the hospital's first site.
func (s *Service) today(ctx context.Context) (time.Time, error) {
	all, err := s.config.Sites.All(ctx)
	zone := s.config.Zone
	if len(all) > 0 {
		zone = all[0].Zone
	}
	return s.config.Now().In(zone), err
}

// lastTwelve asks for the months until today, twelve with this one.
func lastTwelve(today time.Time) Query {
	last := time.Date(today.Year(), today.Month(), today.Day(), 0, 0, 0, 0, time.UTC)
	return Query{From: time.Date(last.Year()-1, last.Month()+1, 1, 0, 0, 0, 0, time.UTC), To: last.AddDate(0, 0, 1), By: Month}
}

// asked reads what was asked for: by default the last twelve months.
func asked(values url.Values, today time.Time, own *words.Words) (q Query, wrong web.Problems) {
	q = lastTwelve(today)
	if values.Get("by") == string(Week) {
		q.By = Week
	}
	for field, to := range map[string]*time.Time{"from": &q.From, "to": &q.To} {
		told := values.Get(field)
		if told == "" {
			continue
		}
		day, err := time.Parse(time.DateOnly, typed.Digits(told))
		if err != nil {
			wrong = append(wrong, web.FieldProblem{Field: field, Text: own.T("figures.wrong.day")})
			continue
		}
		if *to = day; field == "to" {
			*to = day.AddDate(0, 0, 1)
		}
	}
	if days := q.To.Sub(q.From).Hours() / 24; len(wrong) == 0 && (days < 1 || days > mostDays) {
		wrong = append(wrong, web.FieldProblem{Field: "to", Text: own.T("figures.wrong.span")})
	}
	for field, to := range map[string]*string{"site": &q.SiteID, "service": &q.ServiceID} {
		if id := values.Get(field); store.IsID(id) {
			*to = id
		}
	}
	return q, wrong
}

func (s *Service) page(w http.ResponseWriter, r *http.Request) {
	own := s.config.Pages.Words(r)
	today, err := s.today(r.Context())
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	q, wrong := asked(r.URL.Query(), today, own)
	v := pageView{From: q.From.Format(time.DateOnly), To: q.To.AddDate(0, 0, -1).Format(time.DateOnly), Problems: wrong, Few: Few,
		Periods: []option{{string(Month), own.T("figures.by.month"), q.By == Month}, {string(Week), own.T("figures.by.week"), q.By == Week}}}
	asked := url.Values{"from": {v.From}, "to": {v.To}, "by": {string(q.By)}, "site": {q.SiteID}, "service": {q.ServiceID}}
	v.CSV = Path + ".csv?" + asked.Encode()
	asked.Set("of", ofLanguages)
	v.CSVSpoken = Path + ".csv?" + asked.Encode()
	slices.SortFunc(v.Problems, func(a, b web.FieldProblem) int { return strings.Compare(a.Field, b.Field) })
	status := http.StatusUnprocessableEntity
	err = s.choices(r, &v, q, own)
	if err == nil && len(wrong) == 0 {
		status = http.StatusOK
		var f Figures
		if f, err = s.Show(r.Context(), web.Actor(r.Context()), q); err == nil {
			s.fill(&v, f, q, own)
		}
	}
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	s.config.Pages.Render(w, r, status, "figures/page", web.Page{Title: own.T("figures.title"), Error: len(wrong) > 0, Wide: true, Active: Path, Body: v})
}

// choices are the sites and services there are.
func (s *Service) choices(r *http.Request, v *pageView, q Query, own *words.Words) error {
	v.Sites, v.Services = []option{{"", own.T("figures.any"), q.SiteID == ""}}, []option{{"", own.T("figures.any"), q.ServiceID == ""}}
	all, err := s.config.Sites.All(r.Context())
	if err != nil {
		return err
	}
	for _, site := range all {
		v.Sites = append(v.Sites, option{site.ID, site.Name, site.ID == q.SiteID})
		services, err := s.config.Sites.ServicesOf(r.Context(), site.ID)
		if err != nil {
			return err
		}
		for _, service := range services {
			name := service.Name
			if len(all) > 1 {
				name += " · " + site.Name
			}
			v.Services = append(v.Services, option{service.ID, name, service.ID == q.ServiceID})
		}
	}
	return nil
}

// fill puts figures into words and charts.
func (s *Service) fill(v *pageView, f Figures, q Query, own *words.Words) {
	v.All, v.Empty = viewOf(f.All, own, q.By), f.All.Visits() == 0
	v.All.Name = own.T("figures.all")
	var visits, waits, technical, answers []column
	for _, row := range f.Rows {
		view := viewOf(row, own, q.By)
		v.Rows = append(v.Rows, view)
		short := row.Start.Format("01-02")
		if q.By == Month {
			short = row.Start.Format("2006-01")
		}
		visits = append(visits, column{view.Name, short, []int{row.TookPlace, row.NoShow, row.Cancelled, row.Untold}})
		technical = append(technical, column{view.Name, short, []int{row.Failed, row.Bad}})
		minutes := []int{0, 0}
		if row.Waited >= Few {
			minutes = []int{int(row.Median.Minutes() + 0.5), int(row.P90.Minutes() + 0.5)}
		}
		waits = append(waits, column{view.Name, short, minutes})
		said := []int{0, 0}
		for i, a := range []Answers{row.Worked, row.Answered} {
			if a.All() >= Few {
				said[i] = a.Share()
			}
		}
		answers = append(answers, column{view.Name, short, said})
	}
	v.Visits = draw(own.T("figures.chart.visits"), visits, true, []string{own.T("figures.took_place"), own.T("figures.no_show"), own.T("figures.cancelled"), own.T("figures.untold")},
		[]string{"bar-good", "bar-danger", "bar-soft", "bar-few"})
	v.Technical = draw(own.T("figures.chart.technical"), technical, true, []string{own.T("figures.failed"), own.T("figures.bad")}, []string{"bar-danger", "bar-warn"})
	v.Waits = draw(own.T("figures.chart.waits"), waits, false, []string{own.T("figures.median"), own.T("figures.p90")}, []string{"bar-good", "bar-warn"})
	v.Answers = draw(own.T("figures.chart.answers"), answers, false, []string{own.T("figures.worked"), own.T("figures.answered")}, []string{"bar-good", "bar-warn"})
	for _, l := range f.Languages {
		v.Languages = append(v.Languages, option{Value: strconv.Itoa(l.Visits), Text: s.languageName(l.Tag, own)})
	}
	if f.Others > 0 {
		v.Languages = append(v.Languages, option{Value: strconv.Itoa(f.Others), Text: own.T("figures.others")})
	}
}

func (s *Service) languageName(tag string, own *words.Words) string {
	if tag == "" {
		return own.T("figures.unknown")
	}
	for _, w := range s.config.Pages.Languages() {
		if w.Tag == tag {
			return w.Name
		}
	}
	return tag
}

func viewOf(row Row, own *words.Words, by Period) rowView {
	v := rowView{Row: row, Name: own.Date(row.Start), MedianText: "–", P90Text: "–", AloneText: "–", WorkedText: share(row.Worked), AnsweredText: share(row.Answered)}
	if by == Month {
		v.Name = own.T("figures.month", "month", own.T("date.month."+strconv.Itoa(int(row.Start.Month()))), "year", row.Start.Year())
	}
	if row.Waited >= Few {
		v.MedianText, v.P90Text = minutes(row.Median), minutes(row.P90)
	}
	if row.Joins >= Few {
		v.AloneText = strconv.Itoa(row.Alone*100/row.Joins) + " %"
	}
	return v
}

// share says how many of a hundred said yes, where enough have answered.
func share(a Answers) string {
	if a.All() < Few {
		return "–"
	}
	return strconv.Itoa(a.Share()) + " %"
}

// minutes says a wait in minutes.
func minutes(d time.Duration) string { return strconv.FormatFloat(d.Minutes(), 'f', 1, 64) }

// ofLanguages asks for the table of languages in place of that of weeks or months.
const ofLanguages = "languages"

// table gives the rows for spreadsheets (RFC 4180).
func (s *Service) table(w http.ResponseWriter, r *http.Request) {
	today, err := s.today(r.Context())
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	q, wrong := asked(r.URL.Query(), today, s.config.Pages.Words(r))
	if len(wrong) > 0 {
		web.NotFound(w, r)
		return
	}
	f, err := s.Show(r.Context(), web.Actor(r.Context()), q)
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	if r.URL.Query().Get("of") == ofLanguages {
		w.Header().Set("Content-Disposition", `attachment; filename="languages.csv"`)
		writeLanguages(w, f)
		return
	}
	w.Header().Set("Content-Disposition", `attachment; filename="figures.csv"`)
	out := csv.NewWriter(w)
	_ = out.Write([]string{"start", "visits", "took_place", "no_show", "cancelled", "failed", "bad_connection", "interpreter", "joins", "joins_without_help", "waits", "wait_median_minutes", "wait_p90_minutes",
		"worked_yes", "worked_partly", "worked_no", "answered_yes", "answered_partly", "answered_no"})
	for _, row := range f.Rows {
		cells := []string{row.Start.Format(time.DateOnly)}
		cells = append(cells, strconv.Itoa(row.Visits()))
		for _, n := range []int{row.TookPlace, row.NoShow, row.Cancelled, row.Failed, row.Bad, row.Interpreter, row.Joins, row.Alone, row.Waited} {
			text := ""
			if row.Told() {
				text = strconv.Itoa(n)
			}
			cells = append(cells, text)
		}
		median, p90 := "", ""
		if row.Waited >= Few {
			median, p90 = minutes(row.Median), minutes(row.P90)
		}
		cells = append(cells, median, p90)
		for _, a := range []Answers{row.Worked, row.Answered} {
			said := []string{"", "", ""}
			if a.All() >= Few {
				said = []string{strconv.Itoa(a.Yes), strconv.Itoa(a.Partly), strconv.Itoa(a.No)}
			}
			cells = append(cells, said...)
		}
		_ = out.Write(cells)
	}
	out.Flush() // whoever is gone gets nothing
}

// writeLanguages gives how many visits each language had.
func writeLanguages(w io.Writer, f Figures) {
	out := csv.NewWriter(w)
	_ = out.Write([]string{"language", "visits"})
	for _, l := range f.tagged() {
		_ = out.Write([]string{l.Tag, strconv.Itoa(l.Visits)})
	}
	out.Flush() // whoever is gone gets nothing
}
