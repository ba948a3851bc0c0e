package gpxfile

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"

	"github.com/tkrajina/gpxgo/gpx"

	"plodwatch/ingest/xmltrack"
	"plodwatch/schema"
)

// DecoderVersion grows whenever the same bytes decode to something else.
const DecoderVersion uint32 = 1

// Limits of a file. Beyond fileBytes it is rejected; the others end the walk
// and what was complete by then is kept.
const (
	maxFileBytes = 256 << 20
	maxPoints    = 5_000_000
	maxDepth     = 64
	maxTagBytes  = 1 << 20 // one tag with its attributes
	maxTracks    = 10_000
	maxSessions  = 1000
	chunkPoints  = 2048
)

// limits are the bounds above, so that tests can lower them.
type limits struct {
	fileBytes, tagBytes int64
	points, depth       int
	tracks, sessions    int
	chunkPoints         int
}

func defaultLimits() limits {
	return limits{
		fileBytes: maxFileBytes, tagBytes: maxTagBytes, points: maxPoints, depth: maxDepth,
		tracks: maxTracks, sessions: maxSessions, chunkPoints: chunkPoints,
	}
}

// Decoder decodes GPX files. It has no state and is safe for concurrent use.
type Decoder struct{}

// Decode is the function Decode of this package; size is not needed.
func (Decoder) Decode(ctx context.Context, r io.Reader, _ int64) (*schema.Recording, error) {
	return Decode(ctx, r)
}

// Decode reads a GPX file of at most 256 MiB and 5 million track points.
//
// Every track becomes a session; tracks of the same type that follow one
// another within 5 minutes become one, and a jump of the clock by more than
// 24 hours cuts a session in two. Routes and waypoints are not activities:
// a file without a track point that has a usable time is a *schema.Refusal
// with the outcome skipped, and the Recording beside it holds the raw counts.
// A damaged file of which points could be kept comes back as salvaged. Errors
// of r and ctx are wrapped.
func Decode(ctx context.Context, r io.Reader) (*schema.Recording, error) {
	return decode(ctx, r, defaultLimits())
}

func decode(ctx context.Context, r io.Reader, lim limits) (*schema.Recording, error) {
	src, err := xmltrack.NewSource(r, lim.fileBytes)
	if err != nil {
		return nil, readError(err, lim)
	}
	scan := newScanner(xmltrack.NewLexer(src, lim.tagBytes), lim)
	tracks := trackList{lim: lim}
	for !scan.done {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("decode gpx at byte %d: %w", scan.lex.Offset(), err)
		}
		if err := decodeChunk(scan, &tracks); err != nil {
			return nil, err
		}
		if tracks.over {
			scan.over = true
			break
		}
	}
	rec := &schema.Recording{
		Format: schema.FormatGPX, DecoderVersion: DecoderVersion,
		Raw: scan.raw, Unassigned: tracks.unassigned, DroppedValues: scan.dropped,
	}
	if fatal := scan.fatal; fatal != nil {
		refusal := schema.AsRefusal(fatal)
		if refusal == nil {
			return nil, readError(fatal, lim)
		}
		if refusal.Reason != schema.ReasonMalformed {
			return rec, fatal
		}
	}
	return finish(rec, scan, &tracks)
}

// readError tells a file beyond the limit from an error of the reader.
func readError(err error, lim limits) error {
	if errors.Is(err, xmltrack.ErrTooLarge) {
		return schema.Reject(schema.ReasonTooLarge, fmt.Sprintf("more than %d bytes", lim.fileBytes))
	}
	return err
}

// decodeChunk has gpxgo decode the next points and adds them to tracks.
func decodeChunk(scan *scanner, tracks *trackList) error {
	scan.nextChunk()
	doc, err := gpx.ParseDecoder(xml.NewTokenDecoder(scan), []byte(`<gpx version="1.1"`))
	if err != nil {
		return fmt.Errorf("decode gpx before byte %d: %w", scan.lex.Offset(), err)
	}
	return tracks.add(doc, scan)
}

// add takes the points of one chunk.
func (l *trackList) add(doc *gpx.GPX, scan *scanner) error {
	extras, segs := scan.extras, scan.newSeg
	if len(doc.Tracks) != len(scan.newTrk) {
		return fmt.Errorf("decode gpx: %d tracks where %d were read", len(doc.Tracks), len(scan.newTrk))
	}
	for i := range doc.Tracks {
		track := &doc.Tracks[i]
		if scan.newTrk[i] {
			l.beginTrack()
		}
		l.typeIs(track.Type)
		for k := range track.Segments {
			points := track.Segments[k].Points
			if len(segs) == 0 || len(points) > len(extras) {
				return errors.New("decode gpx: more points than were read")
			}
			if segs[0] {
				l.beginSegment()
			}
			if err := l.addPoints(points, extras[:len(points)]); err != nil {
				return err
			}
			extras, segs = extras[len(points):], segs[1:]
		}
	}
	if len(extras) > 0 {
		return fmt.Errorf("decode gpx: %d points are missing", len(extras))
	}
	return nil
}

func (l *trackList) addPoints(points []gpx.GPXPoint, extras []beside) error {
	for i := range points {
		p, b := &points[i], &extras[i]
		if !b.hasTime {
			l.unassigned++
			continue
		}
		if p.Timestamp.Unix() != b.clock.Second() {
			return fmt.Errorf("decode gpx: time %d came back as %d", b.clock.Second(), p.Timestamp.Unix())
		}
		t := l.timed(b.clock)
		if t == nil {
			return nil
		}
		cols := &t.cols
		if b.hasPos {
			cols.Set(&cols.LatE7, xmltrack.Scaled(p.Latitude, 1e7))
			cols.Set(&cols.LonE7, xmltrack.Scaled(p.Longitude, 1e7))
		}
		if p.Elevation.NotNull() {
			cols.Set(&cols.AltitudeCm, xmltrack.Scaled(p.Elevation.Value(), 100))
		}
		b.addTo(cols)
	}
	return nil
}

// addTo puts the values that travelled beside into the last sample of cols.
func (b *beside) addTo(cols *xmltrack.Columns) {
	if b.has[xmltrack.HeartRate] && xmltrack.BPM(b.values[xmltrack.HeartRate]) > 0 {
		cols.SetHR(xmltrack.BPM(b.values[xmltrack.HeartRate]))
	}
	for _, to := range [...]struct {
		from  xmltrack.Channel
		col   *[]int32
		scale float64
	}{
		{xmltrack.Speed, &cols.SpeedMMps, 1000},
		{xmltrack.Cadence, &cols.Cadence100, 100},
		{xmltrack.Power, &cols.PowerW, 1},
		{xmltrack.Temperature, &cols.TempDeciC, 10},
		{xmltrack.Distance, &cols.DistanceCm, 100},
	} {
		if b.has[to.from] {
			cols.Set(to.col, xmltrack.Scaled(b.values[to.from], to.scale))
		}
	}
}
