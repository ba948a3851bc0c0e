package store

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/google/uuid"

	"plodwatch/analyze"
	"plodwatch/analyze/duplicates"
	"plodwatch/schema"
)

// copyRow is what decides whether a session is a copy.
type copyRow struct {
	AthleteID    string     `ch:"athlete_id"`
	SessionID    uuid.UUID  `ch:"session_id"`
	ExportID     string     `ch:"export_id"`
	Format       string     `ch:"format"`
	Sport        string     `ch:"sport"`
	StartedAt    time.Time  `ch:"started_at"`
	EndedAt      time.Time  `ch:"ended_at"`
	Salvaged     bool       `ch:"salvaged"`
	ClassifiedMs int64      `ch:"classified_ms"`
	HRShares     []uint16   `ch:"hr_shares"`
	HRAvg        *float64   `ch:"hr_avg"`
	HRMax        *uint8     `ch:"hr_max"`
	DistanceM    *float64   `ch:"distance_m"`
	Samples      uint32     `ch:"samples"`
	ReceivedAt   time.Time  `ch:"received_at"`
	DuplicateOf  *uuid.UUID `ch:"duplicate_of"`
	Reason       string     `ch:"duplicate_reason"`
	Confidence   float32    `ch:"duplicate_confidence"`
}

// hrSharesSQL is the permille of classified time in bands of 5 bpm, the first
// below 80 bpm and the last from 200 bpm on. Each band has an expression of its
// own: a function over the bands would hold hr_ms once for each of them.
func hrSharesSQL() string {
	bands := []string{"arraySum(arraySlice(hr_ms, 1, 79))"}
	for from := 80; from < 200; from += 5 {
		bands = append(bands, fmt.Sprintf("arraySum(arraySlice(hr_ms, %d, 5))", from))
	}
	bands = append(bands, "arraySum(arraySlice(hr_ms, 200, 56))")
	return "arrayMap(ms -> toUInt16(round(1000 * ms / greatest(classified_ms, 1))), [" + strings.Join(bands, ", ") + "]) AS hr_shares"
}

// Copies returns the athletes' sessions with what was decided and chosen.
func (s *Store) Copies(ctx context.Context, athletes []schema.AthleteID) (map[schema.AthleteID][]analyze.Copy, error) {
	all := make(map[schema.AthleteID][]analyze.Copy)
	err := eachPart(athletes, func(part []schema.AthleteID) error {
		ctx := withParameter(ctx, "athletes", textArray(part))
		choices, err := s.choices(ctx)
		if err != nil {
			return err
		}
		var rows []copyRow
		query := "SELECT " + strings.Replace(columnsOf(copyRow{}), "hr_shares", hrSharesSQL(), 1) +
			" FROM sessions_versions FINAL WHERE athlete_id IN {athletes:Array(String)}"
		if err := s.conn.Select(ctx, &rows, query); err != nil {
			return err
		}
		for i := range rows {
			c, err := rows[i].copy()
			if err != nil {
				return err
			}
			if said, ok := choices[sessionOf{rows[i].AthleteID, rows[i].SessionID}]; ok {
				c.Choice, c.Of = duplicates.Choice(said.Choice), schema.SessionID(said.Of)
			}
			athlete := schema.AthleteID(rows[i].AthleteID)
			all[athlete] = append(all[athlete], c)
		}
		return nil
	})
	if err != nil {
		return nil, classify("read what decides on copies", err)
	}
	return all, nil
}

func (r *copyRow) copy() (analyze.Copy, error) {
	export, err := schema.ParseExportID(r.ExportID)
	c := analyze.Copy{Session: duplicates.Session{
		ID: schema.SessionID(r.SessionID), Export: export, Format: schema.Format(r.Format), Sport: schema.Sport(r.Sport),
		StartMs: r.StartedAt.UnixMilli(), EndMs: r.EndedAt.UnixMilli(), Salvaged: r.Salvaged, ClassifiedMs: r.ClassifiedMs,
		HRShares: r.HRShares, Samples: int64(r.Samples), ReceivedMs: r.ReceivedAt.UnixMilli(),
	}}
	if r.HRAvg != nil && r.HRMax != nil {
		c.HRAvg, c.HRMax = *r.HRAvg, float64(*r.HRMax)
	}
	if r.DistanceM != nil {
		c.DistanceM = *r.DistanceM
	}
	c.Now = markOf(r.SessionID, r.DuplicateOf, r.Reason, r.Confidence)
	return c, err
}

// markOf returns the verdict that a row holds.
func markOf(id uuid.UUID, of *uuid.UUID, reason string, sure float32) duplicates.Mark {
	m := duplicates.Mark{ID: schema.SessionID(id)}
	if of != nil {
		// Two digits are stored as the nearest float32.
		m.Confidence = math.Round(float64(sure)*100) / 100
		m.Of, m.Reason = schema.SessionID(*of), duplicates.Reason(reason)
	}
	return m
}

// choiceRow is what a person said of a session.
type choiceRow struct {
	AthleteID string    `ch:"athlete_id"`
	SessionID uuid.UUID `ch:"session_id"`
	Choice    string    `ch:"choice"`
	Of        uuid.UUID `ch:"of"`
	Version   uint64    `ch:"version"`
}

func (s *Store) choices(ctx context.Context) (map[sessionOf]choiceRow, error) {
	var rows []choiceRow
	query := "SELECT " + columnsOf(choiceRow{}) + " FROM duplicate_choices_versions FINAL WHERE athlete_id IN {athletes:Array(String)}"
	if err := s.conn.Select(ctx, &rows, query); err != nil {
		return nil, err
	}
	all := make(map[sessionOf]choiceRow, len(rows))
	for _, r := range rows {
		all[sessionOf{r.AthleteID, r.SessionID}] = r
	}
	return all, nil
}

// WriteChoice stores what a person said of a session.
func (s *Store) WriteChoice(ctx context.Context, c analyze.DuplicateChoice) error {
	have, err := s.choices(withParameter(ctx, "athletes", textArray([]schema.AthleteID{c.Athlete})))
	if err != nil {
		return classify("read choices on copies", err)
	}
	row := &choiceRow{
		AthleteID: string(c.Athlete), SessionID: uuid.UUID(c.ID), Choice: string(c.Choice), Of: uuid.UUID(c.Of),
		Version: max(uint64(max(1, time.Now().UnixMilli())), have[sessionOf{string(c.Athlete), uuid.UUID(c.ID)}].Version+1), //nolint:gosec // not negative
	}
	return insert(clickhouse.Context(ctx, clickhouse.WithSettings(insertSettings())), s, "duplicate_choices_versions", []*choiceRow{row})
}

// MarkCopies writes the sessions' rows again with other verdicts, as the next
// version of what is there at that moment.
func (s *Store) MarkCopies(ctx context.Context, athlete schema.AthleteID, marks []duplicates.Mark) error {
	return eachPart(marks, func(part []duplicates.Mark) error {
		var ids, ofs, reasons, confidences []string
		for _, m := range part {
			ids, ofs = append(ids, "'"+m.ID.String()+"'"), append(ofs, "'"+m.Of.String()+"'")
			reasons = append(reasons, "'"+string(m.Reason)+"'")
			confidences = append(confidences, strconv.FormatFloat(m.Confidence, 'f', 2, 64))
		}
		list := func(items []string) string { return "[" + strings.Join(items, ",") + "]" }
		ctx := clickhouse.Context(ctx, clickhouse.WithSettings(insertSettings()), clickhouse.WithParameters(clickhouse.Parameters{
			"athlete": string(athlete), "ids": list(ids), "ofs": list(ofs), "reasons": list(reasons), "confidences": list(confidences),
		}))
		const (
			at    = "indexOf({ids:Array(UUID)}, session_id)"
			query = `INSERT INTO sessions_versions SELECT * REPLACE
				(
					if({reasons:Array(String)}[` + at + `] = '', NULL, {ofs:Array(UUID)}[` + at + `]) AS duplicate_of,
					{reasons:Array(String)}[` + at + `] AS duplicate_reason,
					toFloat32({confidences:Array(Float64)}[` + at + `]) AS duplicate_confidence,
					version + 1 AS version
				)
				FROM sessions_versions FINAL
				WHERE athlete_id = {athlete:String} AND has({ids:Array(UUID)}, session_id)`
		)
		return classify("mark copies", s.conn.Exec(ctx, query))
	})
}

// Duplicate is a row of the view duplicates.
type Duplicate struct {
	Athlete     string     `ch:"athlete_id" json:"athlete_id"`
	SessionID   uuid.UUID  `ch:"session_id" json:"session_id"`
	DuplicateOf *uuid.UUID `ch:"duplicate_of" json:"duplicate_of"`
	Reason      string     `ch:"reason" json:"reason"`
	Confidence  float32    `ch:"confidence" json:"confidence"`
	StartedAt   time.Time  `ch:"started_at" json:"started_at"`
	ElapsedS    float64    `ch:"elapsed_s" json:"elapsed_s"`
	Sport       string     `ch:"sport" json:"sport"`
	Format      string     `ch:"format" json:"format"`
	Salvaged    bool       `ch:"salvaged" json:"salvaged"`
	Samples     uint32     `ch:"samples" json:"samples"`
	ExportID    string     `ch:"export_id" json:"export_id"`
}

// Duplicates returns the sessions that do not count, of one athlete or, when
// athlete is empty, of all, in the order of athlete and start.
func (s *Store) Duplicates(ctx context.Context, athlete schema.AthleteID) ([]Duplicate, error) {
	var all []Duplicate
	query := "SELECT " + columnsOf(Duplicate{}) + ` FROM duplicates
		WHERE {athlete:String} = '' OR athlete_id = {athlete:String} ORDER BY athlete_id, started_at, session_id`
	if err := s.conn.Select(withParameter(ctx, "athlete", string(athlete)), &all, query); err != nil {
		return nil, classify("list copies", err)
	}
	return all, nil
}
