package gpxfile

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"

	"plodwatch/ingest/xmltrack"
	"plodwatch/schema"
)

// beside is what travels beside a point that was handed to gpxgo: what gpxgo
// would lose, and what it would take long over.
type beside struct {
	clock   xmltrack.Clock
	hasTime bool
	hasPos  bool
	has     [xmltrack.ChannelCount]bool
	values  [xmltrack.ChannelCount]float64 // from xmltrack.HeartRate on
}

// scanner walks a document and is the xml.TokenReader that gpxgo reads from:
// each call of nextChunk allows one more document of at most chunkPoints
// points, made of complete points with checked values only.
type scanner struct {
	lex *xmltrack.Lexer
	lim limits

	open    xmltrack.Elements
	rooted  bool // a gpx element has been seen
	trkAt   int  // depth of the open trk, 0 = none
	segAt   int  // depth of the open trkseg, 0 = none
	pointAt int  // depth of the open trkpt, 0 = none
	valueAt int  // depth of the open value element, 0 = none
	ofTrack bool // the open value is the track's type

	channel  xmltrack.Channel
	text     []byte // of the open value
	values   [xmltrack.ChannelCount][]byte
	lat, lon []byte

	words  words
	queue  []xml.Token
	next   int
	arena  []byte // what values, lat and lon point into
	attrs  [2]xml.Attr
	extras []beside // of the points in the current chunk, in order
	opened bool     // the current chunk has its gpx element
	ended  bool     // the current chunk is complete
	trkOut bool     // the current chunk has an open trk
	segOut bool     // the current chunk has an open trkseg
	freshT bool     // no point of the open track has been emitted
	freshS bool     // no point of the open segment has been emitted
	newTrk []bool   // for each trk in the chunk: it begins here
	newSeg []bool   // for each trkseg in the chunk: it begins here
	typ    []byte   // of the open track

	done    bool  // the document is at its end
	fatal   error // what ended it, when that was not its end
	creator string

	raw       schema.RawCounts
	routes    int
	waypoints int
	dropped   int
	truncated bool
	corrupt   bool
	over      bool
}

func newScanner(lex *xmltrack.Lexer, lim limits) *scanner {
	return &scanner{lex: lex, lim: lim, words: newWords()}
}

// nextChunk begins the next document for gpxgo.
func (s *scanner) nextChunk() {
	s.queue, s.next = s.queue[:0], 0
	s.extras, s.newTrk, s.newSeg = s.extras[:0], s.newTrk[:0], s.newSeg[:0]
	s.opened, s.trkOut, s.segOut, s.ended = false, false, false, false
}

// Token implements xml.TokenReader for gpxgo's decoder.
func (s *scanner) Token() (xml.Token, error) {
	for s.next == len(s.queue) {
		s.queue, s.next = s.queue[:0], 0
		if s.ended {
			return nil, io.EOF
		}
		switch {
		case !s.opened:
			s.opened = true
			s.queue = append(s.queue, s.words.gpx)
		case s.done || len(s.extras) >= s.lim.chunkPoints:
			s.endChunk()
		default:
			s.step()
		}
	}
	t := s.queue[s.next]
	s.next++
	return t, nil
}

func (s *scanner) endChunk() {
	s.closeTrack()
	s.queue = append(s.queue, s.words.gpxEnd)
	s.ended = true
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
		s.addText(&t)
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

// addText adds to the open value. Entities are replaced when it is complete;
// those in CDATA are none, but nothing that is kept has an ampersand in it.
func (s *scanner) addText(t *xmltrack.Token) {
	if s.valueAt > 0 && len(s.text) <= xmltrack.MaxValueText {
		s.text = append(s.text, t.Text[:min(len(t.Text), xmltrack.MaxValueText+1)]...)
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

// isCorrupt reports whether something in the document had to be left out
// because it was not XML, or its elements did not fit together.
func (s *scanner) isCorrupt() bool { return s.corrupt || s.lex.Broken }

func (s *scanner) malformed(what string) error {
	return schema.Reject(schema.ReasonMalformed, fmt.Sprintf("%s at byte %d", what, s.lex.Offset()))
}

// stop ends the walk. What was complete by then stays.
func (s *scanner) stop(err error) {
	s.done, s.fatal = true, err
}

func (s *scanner) start(t *xmltrack.Token) {
	if s.open.Depth() == 0 {
		if string(t.Name) != "gpx" {
			if !s.rooted {
				s.stop(s.malformed("root element is not gpx"))
			}
			s.corrupt = true
			return
		}
		s.rooted = true
		if s.creator == "" {
			s.creator = xmltrack.Clean(t.Attr("creator"))
		}
	}
	depth := s.open.Open(t.Name)
	if depth > s.lim.depth {
		s.corrupt = true
		s.stop(s.malformed(fmt.Sprintf("elements nested deeper than %d", s.lim.depth)))
		return
	}
	if s.pointAt > 0 && string(t.Name) != "trkpt" {
		if c := channelOf(string(t.Name), depth == s.pointAt+1); c != xmltrack.NoChannel {
			s.channel, s.valueAt, s.ofTrack, s.text = c, depth, false, s.text[:0]
		}
		return
	}
	s.startOutsidePoint(t, depth)
}

func (s *scanner) startOutsidePoint(t *xmltrack.Token, depth int) {
	switch string(t.Name) {
	case "trk":
		s.raw.Sessions++
		if s.trkAt > 0 { // its end is missing
			s.corrupt = true
			s.closeTrack()
		}
		s.beginTrack(depth)
	case "trkseg":
		s.beginSegment(depth)
	case "trkpt":
		s.beginPoint(t, depth)
	case "rte":
		s.routes++
	case "wpt":
		s.waypoints++
	case "type":
		if s.trkAt > 0 && depth == s.trkAt+1 {
			s.valueAt, s.ofTrack, s.text = depth, true, s.text[:0]
		}
	}
}

func (s *scanner) beginTrack(depth int) {
	s.trkAt, s.segAt = depth, 0
	s.freshT, s.typ = true, s.typ[:0]
}

func (s *scanner) beginSegment(depth int) {
	if s.trkAt == 0 { // a segment without its track
		s.corrupt = true
		s.beginTrack(depth)
	}
	if s.segAt > 0 {
		s.corrupt = true
		s.closeSegment()
	}
	s.segAt, s.freshS = depth, true
}

func (s *scanner) beginPoint(t *xmltrack.Token, depth int) {
	if s.pointAt > 0 { // the end of the point before is missing
		s.corrupt = true
	}
	if s.trkAt == 0 || s.segAt == 0 { // no segment around it: until its parent ends
		s.beginSegment(depth - 1)
	}
	s.pointAt, s.valueAt = depth, 0
	s.arena = s.arena[:0]
	s.lat, s.lon = s.hold(t.Attr("lat")), s.hold(t.Attr("lon"))
	for c := range s.values {
		s.values[c] = nil
	}
}

func (s *scanner) end(local []byte) {
	at := s.open.Find(local)
	if at == 0 || at != s.open.Depth() { // ends of other elements are missing, or this one's start
		s.corrupt = true
	}
	for depth := s.open.Depth(); at > 0 && depth >= at; depth-- {
		s.leave(depth, depth == at)
		s.open.Close()
	}
}

// leave closes the element at depth. whole is false when its end tag is
// missing.
func (s *scanner) leave(depth int, whole bool) {
	if depth == s.valueAt {
		if whole {
			s.endValue()
		}
		s.valueAt = 0
	}
	if depth == s.pointAt {
		s.pointAt = 0
		if whole {
			s.endPoint()
		}
	}
	if depth == s.segAt {
		s.segAt = 0
		s.closeSegment()
	}
	if depth == s.trkAt {
		s.trkAt = 0
		s.closeTrack()
	}
}

func (s *scanner) endValue() {
	text := xmltrack.Unescape(bytes.TrimSpace(s.text))
	switch {
	case len(text) == 0:
	case s.ofTrack && len(text) <= xmltrack.MaxValueText:
		s.typ = append(s.typ[:0], text...)
		if s.trkOut {
			s.emitType()
		}
	case s.ofTrack: // prose
	case len(text) > xmltrack.MaxValueText:
		s.dropped++
	case s.values[s.channel] == nil: // the first one wins
		s.values[s.channel] = s.hold(text)
	}
}

// hold copies b to where it stays unchanged until the next point.
func (s *scanner) hold(b []byte) []byte {
	from := len(s.arena)
	s.arena = append(s.arena, b...)
	return s.arena[from:len(s.arena):len(s.arena)]
}
