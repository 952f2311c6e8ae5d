package audit

import (
	"fmt"
	"time"
)

// Kind says what was done to the log.
type Kind string

// The kinds.
const (
	Edited            Kind = "edited"             // a row is not as it was sealed
	Deleted           Kind = "deleted"            // rows are gone
	CutOff            Kind = "cut_off"            // rows at the end are gone
	Inserted          Kind = "inserted"           // a row stands where another was sealed, or where none can
	Reordered         Kind = "reordered"          // rows stand at other places than they were sealed at
	HashChanged       Kind = "hash_changed"       // a stored hash is not that of the row, which is as it was signed
	HashMissing       Kind = "hash_missing"       // stored hashes are gone
	NotAsSigned       Kind = "not_as_signed"      // rows and stored hashes agree, but are not what was signed
	NotProven         Kind = "not_proven"         // too much is gone to compare with what was signed
	CheckpointForged  Kind = "checkpoint_forged"  // a checkpoint is not signed with this hospital's key
	CheckpointMissing Kind = "checkpoint_missing" // checkpoints of the file, or of sealed rows, are not in the database
)

// Finding is one thing that is not as it was sealed.
type Finding struct {
	Kind     Kind   `json:"kind"`
	From     int64  `json:"from,omitempty"` // the first place in the log
	To       int64  `json:"to,omitempty"`   // the last
	Row      string `json:"row,omitempty"`  // the id of the row that stands there, where it is one
	SealedAt int64  `json:"sealed_at,omitempty"`
	Detail   string `json:"detail"`
}

// Report is what Verify found.
type Report struct {
	Rows        int64     `json:"rows"`        // there now
	Sealed      int64     `json:"sealed"`      // places up to the newest checkpoint that is truly ours
	Checkpoints int64     `json:"checkpoints"` // that are ours
	InFile      int64     `json:"in_file"`     // places up to the newest checkpoint of the file; 0: there is none of ours in it, or no file
	Unsealed    Waiting   `json:"-"`
	Findings    []Finding `json:"findings"` // in the order of places
	More        int64     `json:"more"`     // further places that differ, beyond those that are named
}

// Whole says whether everything is as it was sealed.
func (r Report) Whole() bool { return len(r.Findings) == 0 && r.More == 0 }

func (r *Report) find(kind Kind, from, to int64, detail string, args ...any) *Finding {
	r.Findings = append(r.Findings, Finding{Kind: kind, From: from, To: to, Detail: fmt.Sprintf(detail, args...)})
	return &r.Findings[len(r.Findings)-1]
}

// span is a run of places.
type span struct{ from, to int64 }

func (s span) String() string {
	if s.from == s.to {
		return fmt.Sprintf("place %d", s.from)
	}
	return fmt.Sprintf("places %d to %d", s.from, s.to)
}

// addTo puts a place at the end of runs.
func addTo(runs []span, place int64) []span {
	if n := len(runs); n > 0 && runs[n-1].to == place-1 {
		runs[n-1].to = place
		return runs
	}
	return append(runs, span{place, place})
}

// checkpointAt is where a checkpoint stands, for people.
func checkpointAt(size int64, at time.Time) string {
	if at.IsZero() {
		return fmt.Sprintf("the checkpoint of %d rows", size)
	}
	return fmt.Sprintf("the checkpoint of %d rows, made %s", size, at.Format("2006-01-02 15:04:05 MST"))
}
