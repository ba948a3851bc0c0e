package store

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/google/uuid"

	"plodwatch/analyze"
	"plodwatch/schema"
)

// eventsPerKind bounds the events of one kind that one question returns; those
// analyzed at the same instant as the last come with it.
const eventsPerKind = 500

// NewEvents returns what has not been announced yet: warnings of the last so
// many days, and sessions and rejected exports that were analyzed up to an
// instant. What was analyzed before this was asked for the first time counts as
// announced.
func (s *Store) NewEvents(ctx context.Context, upTo time.Time, days int) ([]analyze.Event, error) {
	events, err := s.newWarnings(ctx, upTo, days)
	if err != nil {
		return nil, classify("look for new warnings", err)
	}
	for _, kind := range []string{analyze.EventSession, analyze.EventExport} {
		more, err := s.analyzed(ctx, kind, upTo)
		if err != nil {
			return nil, classify("look for new "+kind+"s", err)
		}
		events = append(events, more...)
	}
	return events, nil
}

func (s *Store) newWarnings(ctx context.Context, upTo time.Time, days int) ([]analyze.Event, error) {
	query := "SELECT " + columnsOf(DayWarning{}) + ` FROM warnings WHERE day > {after:Date32}
			AND (athlete_id, day, signal) NOT IN (SELECT athlete_id, day, signal FROM announced_warnings WHERE day > {after:Date32})
		ORDER BY day, athlete_id, signal LIMIT {limit:UInt64}`
	after := schema.DayOf(upTo.UnixMilli(), 0) - schema.Day(days) //nolint:gosec // few
	ctx = clickhouse.Context(ctx, clickhouse.WithParameters(clickhouse.Parameters{
		"after": after.String(), "limit": strconv.Itoa(eventsPerKind),
	}))
	var rows []DayWarning
	if err := s.conn.Select(ctx, &rows, query); err != nil {
		return nil, err
	}
	events := make([]analyze.Event, len(rows))
	for i := range rows {
		w := &rows[i]
		day := dayOf(w.Day)
		data, err := json.Marshal(struct {
			Kind string `json:"kind"`
			Day  string `json:"day"`
			*DayWarning
		}{analyze.EventWarning, day.String(), w})
		if err != nil {
			return nil, fmt.Errorf("write event: %w", err)
		}
		events[i] = analyze.Event{
			Kind: analyze.EventWarning, Athlete: schema.AthleteID(w.Athlete), Day: day, Signal: w.Signal,
			ID: fmt.Sprintf("warning.%s.%s.%s", w.Athlete, day, w.Signal), Data: data,
		}
	}
	return events, nil
}

// analyzedRow is a session or a rejected export, as it is announced.
type analyzedRow struct {
	Kind       string     `ch:"kind" json:"kind"`
	Athlete    string     `ch:"athlete_id" json:"athlete_id"`
	ExportID   string     `ch:"export_id" json:"export_id"`
	SessionID  *uuid.UUID `ch:"session_id" json:"session_id,omitempty"`
	Sport      string     `ch:"sport" json:"sport,omitempty"`
	Day        string     `ch:"day" json:"day,omitempty"`
	Verdict    string     `ch:"verdict" json:"verdict,omitempty"`
	Class      string     `ch:"class" json:"session_class,omitempty"`
	LowShare   *float64   `ch:"low_share" json:"low_share,omitempty"`
	Reason     string     `ch:"reason" json:"reason,omitempty"`
	Detail     string     `ch:"detail" json:"detail,omitempty"`
	AnalyzedAt time.Time  `ch:"analyzed_at" json:"analyzed_at"`
	Version    uint64     `ch:"version" json:"-"`
}

const sessionEvents = `SELECT 'session' AS kind, s.athlete_id AS athlete_id, s.export_id AS export_id, toNullable(s.session_id) AS session_id,
		toString(s.sport) AS sport, toString(s.local_day) AS day, toString(i.verdict) AS verdict, toString(i.session_class) AS class,
		i.low_share AS low_share, '' AS reason, '' AS detail, s.analyzed_at AS analyzed_at, s.version AS version
	FROM (SELECT * FROM sessions_versions WHERE analyzed_at > {after:DateTime64(3, 'UTC')} AND analyzed_at <= {upto:DateTime64(3, 'UTC')}
		ORDER BY analyzed_at LIMIT {limit:UInt64} WITH TIES) AS s
	LEFT JOIN (SELECT athlete_id, session_id, version, verdict, session_class, low_share FROM intensity_versions
		WHERE analyzed_at > {after:DateTime64(3, 'UTC')} AND analyzed_at <= {upto:DateTime64(3, 'UTC')}) AS i
		ON i.athlete_id = s.athlete_id AND i.session_id = s.session_id AND i.version = s.version
	ORDER BY analyzed_at, session_id`

const exportEvents = `SELECT 'export' AS kind, athlete_id, export_id, CAST(NULL, 'Nullable(UUID)') AS session_id, '' AS sport, '' AS day,
		'' AS verdict, '' AS class, CAST(NULL, 'Nullable(Float64)') AS low_share, toString(e.reason) AS reason, e.detail AS detail,
		e.analyzed_at AS analyzed_at, e.version AS version
	FROM exports_versions AS e
	WHERE outcome = 'rejected' AND e.analyzed_at > {after:DateTime64(3, 'UTC')} AND e.analyzed_at <= {upto:DateTime64(3, 'UTC')}
	ORDER BY analyzed_at LIMIT {limit:UInt64} WITH TIES`

// analyzed returns the sessions or rejected exports that were analyzed since
// the mark of their kind.
func (s *Store) analyzed(ctx context.Context, kind string, upTo time.Time) ([]analyze.Event, error) {
	var marks []struct {
		Until time.Time `ch:"until"`
	}
	err := s.conn.Select(withParameter(ctx, "kind", kind), &marks, "SELECT until FROM announced_marks FINAL WHERE kind = {kind:String}")
	if err != nil {
		return nil, err
	}
	if len(marks) == 0 { // asked for the first time
		return nil, s.setMark(ctx, kind, upTo)
	}
	query := sessionEvents
	if kind == analyze.EventExport {
		query = exportEvents
	}
	const layout = "2006-01-02 15:04:05.000"
	var rows []analyzedRow
	ctx = clickhouse.Context(ctx, clickhouse.WithParameters(clickhouse.Parameters{
		"after": marks[0].Until.UTC().Format(layout), "upto": upTo.UTC().Format(layout), "limit": strconv.Itoa(eventsPerKind),
	}))
	if err := s.conn.Select(ctx, &rows, query); err != nil {
		return nil, err
	}
	events := make([]analyze.Event, len(rows))
	for i := range rows {
		r := &rows[i]
		data, err := json.Marshal(r)
		if err != nil {
			return nil, fmt.Errorf("write event: %w", err)
		}
		id := r.ExportID
		if r.SessionID != nil {
			id = r.SessionID.String()
		}
		events[i] = analyze.Event{
			Kind: kind, Athlete: schema.AthleteID(r.Athlete), AtMs: r.AnalyzedAt.UnixMilli(),
			ID: fmt.Sprintf("%s.%s.%s.%d", kind, r.Athlete, id, r.Version), Data: data,
		}
	}
	return events, nil
}

// MarkEvents remembers that events have been announced.
func (s *Store) MarkEvents(ctx context.Context, events []analyze.Event, at time.Time) error {
	var rows []*announcedRow
	latest := make(map[string]int64)
	for i := range events {
		e := &events[i]
		if e.Kind == analyze.EventWarning {
			rows = append(rows, &announcedRow{AthleteID: string(e.Athlete), Day: dayTime(e.Day), Signal: e.Signal, AnnouncedAt: at.UnixMilli()})
		} else {
			latest[e.Kind] = max(latest[e.Kind], e.AtMs)
		}
	}
	if err := write(ctx, s, "announced_warnings", rows...); err != nil {
		return err
	}
	for kind, ms := range latest {
		if err := s.setMark(ctx, kind, time.UnixMilli(ms)); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) setMark(ctx context.Context, kind string, until time.Time) error {
	return write(ctx, s, "announced_marks", &markRow{Kind: kind, Until: until.UnixMilli(), Version: micros(time.Now())})
}

// announcedRow is a row of announced_warnings.
type announcedRow struct {
	AthleteID   string    `ch:"athlete_id"`
	Day         time.Time `ch:"day"`
	Signal      string    `ch:"signal"`
	AnnouncedAt int64     `ch:"announced_at"`
}

// markRow is a row of announced_marks.
type markRow struct {
	Kind    string `ch:"kind"`
	Until   int64  `ch:"until"`
	Version uint64 `ch:"version"`
}
