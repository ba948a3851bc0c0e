package upload

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"plodwatch/ingest"
	"plodwatch/schema"
)

// The three things that Strava says of an upload.
const (
	statusProcessing = "Your activity is still being processed."
	statusReady      = "Your activity is ready."
	statusError      = "There was an error processing your activity."
)

// uploadBody is the form in which Strava documents an upload, and more behind
// it.
type uploadBody struct {
	ID         int64   `json:"id"`
	IDStr      string  `json:"id_str"`
	ExternalID *string `json:"external_id"`
	Error      *string `json:"error"`
	Status     string  `json:"status"`
	ActivityID *int64  `json:"activity_id"`

	ExportID string         `json:"export_id"`
	Athlete  string         `json:"athlete"`
	Format   schema.Format  `json:"format,omitempty"`
	Outcome  schema.Outcome `json:"outcome,omitempty"`
	Reason   schema.Reason  `json:"reason,omitempty"`
	Sessions []sessionBody  `json:"sessions"`
	Files    []fileBody     `json:"files,omitempty"` // of a zip, in its order, and of the zips in it
}

type sessionBody struct {
	SessionID   string `json:"session_id"`
	ActivityID  int64  `json:"activity_id"`
	DuplicateOf *int64 `json:"duplicate_of"`
}

// fileBody is one member of a zip.
type fileBody struct {
	ExportID string         `json:"export_id"`
	Status   string         `json:"status"`
	Error    *string        `json:"error"`
	Outcome  schema.Outcome `json:"outcome,omitempty"`
	Reason   schema.Reason  `json:"reason,omitempty"`
	Sessions []sessionBody  `json:"sessions"`
}

// processing is what is said of an upload that was just taken.
func processing(rc *Record) *uploadBody {
	id := rc.ID()
	b := &uploadBody{
		ID: id, IDStr: strconv.FormatInt(id, 10), Status: statusProcessing,
		ExportID: rc.Export.String(), Athlete: string(rc.Athlete), Sessions: []sessionBody{},
	}
	if rc.ExternalID != "" {
		b.ExternalID = &rc.ExternalID
	}
	return b
}

// askPatience is how long the answer to an upload waits for the tables.
const askPatience = 3 * time.Second

// afterUpload is what is said of an upload at once. Of one that was taken
// before, what became of it is known already. It is taken whatever the tables
// say, so that they are not waited for when they hang.
func (g *Gate) afterUpload(ctx context.Context, rc *Receipt) *uploadBody {
	if rc.Duplicate && g.deps.Ledger != nil {
		ctx, cancel := context.WithTimeout(ctx, askPatience)
		defer cancel()
		if b, err := g.status(ctx, &rc.Record); err == nil {
			return b
		}
	}
	return processing(&rc.Record)
}

// find returns the record of an upload that the caller may see.
func (g *Gate) find(ctx context.Context, c caller, id int64) (*Record, error) {
	records, err := g.deps.Records.Find(id)
	if err != nil {
		return nil, err
	}
	for i := range records {
		if c.mayReadFor(records[i].Athlete) {
			return &records[i], nil
		}
	}
	notFound := refuse(http.StatusNotFound, "id", "not found", "there is no such upload")
	if g.deps.Ledger == nil {
		return nil, notFound
	}
	var of schema.AthleteID
	if !c.seesAll() {
		of = c.token.Athlete
	}
	owner, export, found, err := g.deps.Ledger.Lookup(ctx, of, id)
	if err != nil {
		return nil, fmt.Errorf("look for upload: %w", err)
	}
	if !found || !c.mayReadFor(owner) {
		return nil, notFound
	}
	return &Record{Athlete: owner, Export: export}, nil
}

// errNoLedger says that what became of uploads is not known to this process.
var errNoLedger = errors.New("this gate knows no tables")

// status says what became of an upload.
func (g *Gate) status(ctx context.Context, r *Record) (*uploadBody, error) {
	if g.deps.Ledger == nil {
		return nil, fmt.Errorf("%w: %w", errNoLedger, ingest.ErrNotNow)
	}
	fates, err := g.deps.Ledger.Fates(ctx, r.Athlete, []schema.ExportID{r.Export})
	if err != nil {
		return nil, fmt.Errorf("ask what became of an upload: %w", err)
	}
	b := processing(r)
	fate, known := fates[r.Export]
	if !known || !fate.Complete {
		return b, nil
	}
	b.Format, b.Outcome, b.Reason = fate.Format, fate.Outcome, fate.Reason
	name := r.Name
	if name == "" {
		name = "upload"
	}
	if len(fate.Members) > 0 || fate.Reason == schema.ReasonArchive {
		return g.archiveStatus(ctx, r, b, &fate, name)
	}
	b.Status, b.Error, b.Sessions = verdict(r.Export, &fate, name)
	if b.Error == nil && len(b.Sessions) > 0 {
		b.ActivityID = &b.Sessions[0].ActivityID
	}
	return b, nil
}

// archiveStatus says what became of a zip: it is ready when all its members
// are done and at least one of them is an activity.
func (g *Gate) archiveStatus(ctx context.Context, r *Record, b *uploadBody, fate *Fate, name string) (*uploadBody, error) {
	done, err := g.addFiles(ctx, r.Athlete, b, fate.Members, name, 0)
	switch {
	case err != nil:
		return nil, err
	case !done:
		b.ActivityID = nil
	case b.ActivityID != nil:
		b.Status = statusReady
	default:
		text := name + ": no new activity in it"
		b.Status, b.Error = statusError, &text
	}
	return b, nil
}

// maxDepth is how many zips are looked into, one in the other; more than are
// ever unpacked.
const maxDepth = 8

// addFiles adds what became of an archive's members to b, in place of a member
// that is an archive what became of its own. It reports whether all are done.
func (g *Gate) addFiles(ctx context.Context, athlete schema.AthleteID, b *uploadBody, members []schema.ExportID, name string, depth int) (done bool, err error) {
	fates, err := g.deps.Ledger.Fates(ctx, athlete, members)
	if err != nil {
		return false, fmt.Errorf("ask what became of an upload: %w", err)
	}
	done = true
	for _, id := range members {
		member, known := fates[id]
		known = known && member.Complete
		if known && len(member.Members) > 0 && depth < maxDepth {
			all, err := g.addFiles(ctx, athlete, b, member.Members, name, depth+1)
			if err != nil {
				return false, err
			}
			done = done && all
			continue
		}
		f := fileBody{ExportID: id.String(), Status: statusProcessing, Sessions: []sessionBody{}}
		if known {
			f.Outcome, f.Reason = member.Outcome, member.Reason
			f.Status, f.Error, f.Sessions = verdict(id, &member, "file "+strconv.Itoa(len(b.Files)+1)+" in "+name)
			if f.Error == nil && b.ActivityID == nil && len(f.Sessions) > 0 {
				b.ActivityID = &f.Sessions[0].ActivityID
			}
		}
		done = done && known
		b.Files = append(b.Files, f)
	}
	return done, nil
}

// verdict says what became of one file in Strava's words.
func verdict(export schema.ExportID, fate *Fate, name string) (status string, fault *string, sessions []sessionBody) {
	sessions = []sessionBody{}
	var copies []int64
	for _, s := range fate.Sessions {
		b := sessionBody{SessionID: s.ID.String(), ActivityID: s.ID.ActivityID()}
		switch {
		case s.DuplicateOf != nil:
			of := s.DuplicateOf.ActivityID()
			b.DuplicateOf = &of
		case s.First != export:
			b.DuplicateOf = &b.ActivityID
		}
		if b.DuplicateOf != nil {
			copies = append(copies, *b.DuplicateOf)
		}
		sessions = append(sessions, b)
	}
	text := ""
	switch {
	case len(sessions) == 0:
		text = name + ": " + schema.ReasonText(fate.Reason)
		if fate.Detail != "" {
			text += " (" + fate.Detail + ")"
		}
	case len(copies) == len(sessions):
		text = name + " duplicate of activity " + strconv.FormatInt(copies[0], 10)
	default:
		return statusReady, nil, sessions
	}
	return statusError, &text, sessions
}
