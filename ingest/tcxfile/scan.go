package tcxfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"plodwatch/ingest/xmltrack"
	"plodwatch/schema"
)

// scanner walks a document and collects its activities.
type scanner struct {
	lex *xmltrack.Lexer
	lim limits

	open       xmltrack.Elements
	rooted     bool // the root element has been seen
	otherAt    int  // depth of the open course or workout, 0 = none
	multiAt    int  // depth of the open multisport session, 0 = none
	activityAt int  // depth of the open activity, 0 = none
	lapAt      int  // depth of the open lap, 0 = none
	trackAt    int  // depth of the open track, 0 = none
	pointAt    int  // depth of the open track point, 0 = none
	creatorAt  int  // depth of the open creator, 0 = none

	field   field // of the open value
	valueAt int   // depth of the open value, 0 = none
	text    []byte

	point      point
	current    *activity   // the open one
	activities []*activity // those that hold something, in file order
	laps       int         // in the file

	done       bool  // the walk is over
	fatal      error // what ended it, when that was not the document's end
	raw        schema.RawCounts
	others     int // courses and workouts
	unassigned int
	dropped    int
	multi      int // multisport sessions so far
	truncated  bool
	corrupt    bool
	over       bool
}

func newScanner(lex *xmltrack.Lexer, lim limits) *scanner {
	return &scanner{lex: lex, lim: lim}
}

// step reads one token of the document.
func (s *scanner) step() {
	t, err := s.lex.Next()
	if err != nil {
		s.fail(err)
		return
	}
	switch t.Kind {
	case xmltrack.Text:
		if s.valueAt > 0 && len(s.text) <= xmltrack.MaxValueText {
			s.text = append(s.text, t.Text[:min(len(t.Text), xmltrack.MaxValueText+1)]...)
		}
	case xmltrack.Start:
		s.start(&t)
	case xmltrack.Empty:
		s.start(&t)
		if !s.done {
			s.end(t.Name)
		}
	case xmltrack.End:
		s.end(t.Name)
	case xmltrack.Directive:
		if bytes.EqualFold(t.Name, []byte("ENTITY")) {
			s.stop(schema.Reject(schema.ReasonEntities, "the document defines entities of its own"))
		}
	}
}

// fail ends the walk at the end of the document or at an error.
func (s *scanner) fail(err error) {
	switch {
	case errors.Is(err, io.EOF):
		s.truncated = s.open.Depth() > 0 || s.lex.Cut
		s.stop(nil)
	case errors.Is(err, xmltrack.ErrTagTooLong):
		s.corrupt = true
		s.stop(s.malformed(fmt.Sprintf("tag or attribute longer than %d bytes", s.lim.tagBytes)))
	default:
		s.stop(err)
	}
}

// stop ends the walk. What was complete by then stays.
func (s *scanner) stop(err error) {
	s.done, s.fatal = true, err
	s.endActivity(false)
}

// full ends the walk at a limit.
func (s *scanner) full() {
	s.over = true
	s.stop(nil)
}

// isCorrupt reports whether something in the document had to be left out
// because it was not XML, or its elements did not fit together.
func (s *scanner) isCorrupt() bool { return s.corrupt || s.lex.Broken }

func (s *scanner) malformed(what string) error {
	return schema.Reject(schema.ReasonMalformed, fmt.Sprintf("%s at byte %d", what, s.lex.Offset()))
}

func (s *scanner) start(t *xmltrack.Token) {
	if s.open.Depth() == 0 {
		if string(t.Name) != "TrainingCenterDatabase" {
			if !s.rooted {
				s.stop(s.malformed("root element is not TrainingCenterDatabase"))
			}
			s.corrupt = true
			return
		}
		s.rooted = true
	}
	depth := s.open.Open(t.Name)
	if depth > s.lim.depth {
		s.corrupt = true
		s.stop(s.malformed(fmt.Sprintf("elements nested deeper than %d", s.lim.depth)))
		return
	}
	switch {
	case s.otherAt > 0:
	case s.pointAt > 0 && string(t.Name) != "Trackpoint":
		s.startInPoint(string(t.Name), depth)
	case s.lapAt > 0 && depth == s.lapAt+1 && lapField(string(t.Name)) != fNone:
		s.beginValue(lapField(string(t.Name)), depth)
	case s.valueAt > 0 && depth == s.valueAt+1 && string(t.Name) == "Value":
		s.beginValue(s.field, depth) // of a lap's heart rate
	default:
		s.startElsewhere(t, depth)
	}
}

func (s *scanner) startInPoint(local string, depth int) {
	if f := pointField(local, depth-s.pointAt); f != fNone {
		s.beginValue(f, depth)
	} else if local == "Value" && s.valueAt > 0 && depth == s.valueAt+1 && s.field == fHeartRate {
		s.beginValue(fHeartRate, depth)
	}
}

func (s *scanner) startElsewhere(t *xmltrack.Token, depth int) {
	switch string(t.Name) {
	case "Activity":
		s.beginActivity(string(t.Attr("Sport")), depth)
	case "Run": // version 1, in a folder named after the sport
		s.beginActivity(s.folder(), depth)
	case "Transition":
		if s.multiAt > 0 && s.activityAt == 0 {
			s.beginActivity(string(schema.SportTransition), depth)
			s.beginLap(t, depth)
		}
	case "Lap":
		s.beginLap(t, depth)
	case "Track":
		s.beginTrack(depth)
	case "Trackpoint":
		s.beginPoint(depth)
	case "MultiSportSession":
		s.multiAt = depth
		s.multi++
	case "Course", "Workout":
		if s.activityAt == 0 {
			s.others++
			s.otherAt = depth
		}
	case "Id":
		if s.activityAt > 0 && depth == s.activityAt+1 {
			s.beginValue(fID, depth)
		}
	case "Creator":
		if s.activityAt > 0 && depth == s.activityAt+1 {
			s.creatorAt = depth
		}
	case "Name":
		if s.creatorAt > 0 && depth == s.creatorAt+1 {
			s.beginValue(fCreator, depth)
		}
	}
}

// folder returns the sport of the version 1 folder around a run.
func (s *scanner) folder() string {
	for _, sport := range []string{"Running", "Biking"} {
		if s.open.Find([]byte(sport)) > 0 {
			return sport
		}
	}
	return ""
}

func (s *scanner) beginValue(f field, depth int) {
	s.field, s.valueAt, s.text = f, depth, s.text[:0]
}

func (s *scanner) end(local []byte) {
	at := s.open.Find(local)
	if at == 0 || at != s.open.Depth() { // ends of other elements are missing, or this one's start
		s.corrupt = true
	}
	for depth := s.open.Depth(); at > 0 && depth >= at && !s.done; depth-- {
		s.leave(depth, depth == at)
		s.open.Close()
	}
}

// leave closes the element at depth. whole is false when its end tag is
// missing.
func (s *scanner) leave(depth int, whole bool) {
	switch depth {
	case s.valueAt:
		if whole {
			s.endValue()
		}
		s.valueAt = 0
	case s.pointAt:
		s.pointAt = 0
		if whole {
			s.endPoint()
		}
	case s.trackAt:
		s.trackAt = 0
	case s.creatorAt:
		s.creatorAt = 0
	case s.otherAt:
		s.otherAt = 0
	case s.multiAt:
		s.multiAt = 0
	}
	if depth == s.lapAt { // a transition is lap and activity in one
		s.lapAt = 0
		s.current.endLap(whole)
	}
	if depth == s.activityAt {
		s.endActivity(whole)
	}
}

func (s *scanner) endValue() {
	text := xmltrack.Unescape(bytes.TrimSpace(s.text))
	switch {
	case len(text) == 0:
	case s.field == fCreator:
		s.current.device = xmltrack.DeviceName(xmltrack.Clean(text[:min(len(text), xmltrack.MaxValueText)]))
	case s.field < fPointEnd:
		s.point.take(s.field, text)
	case len(text) > xmltrack.MaxValueText:
		s.dropped++
	case s.field == fID:
		s.current.id, _ = xmltrack.ParseClock(text)
	default:
		s.takeLapValue(text)
	}
}
