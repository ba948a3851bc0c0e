package store

import (
	"context"
	"strconv"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/google/uuid"

	"plodwatch/schema"
)

// Fate is what became of an export, as far as the tables know.
type Fate struct {
	Format   schema.Format
	Outcome  schema.Outcome
	Reason   schema.Reason
	Detail   string
	Complete bool // all its sessions are stored
	Sessions []FateSession
	Members  []schema.ExportID // of an archive, in its order
}

// FateSession is a session of an export.
type FateSession struct {
	ID schema.SessionID
	// First is the export that brought the session first, by the time it was
	// taken.
	First schema.ExportID
	// DuplicateOf is the better copy of the same activity, nil when this is it
	// and when a person said only that it does not count.
	DuplicateOf *schema.SessionID
}

const (
	fatesSQL = `SELECT export_id, format, outcome, reason, detail, session_ids, member_ids
		FROM exports_versions FINAL WHERE athlete_id = {athlete:String} AND export_id IN {exports:Array(String)}`

	// fateSessionsSQL asks for sessions by which export each came first, and
	// whether it is stored.
	fateSessionsSQL = `SELECT e.id, e.first, s.session_id IS NOT NULL, s.duplicate_of
		FROM (
			SELECT id, argMin(export_id, (received_at, export_id)) AS first
			FROM exports_versions FINAL ARRAY JOIN session_ids AS id
			WHERE athlete_id = {athlete:String} AND id IN {sessions:Array(UUID)}
			GROUP BY id
		) AS e LEFT JOIN (
			SELECT session_id, nullIf(duplicate_of, toUUID('00000000-0000-0000-0000-000000000000')) AS duplicate_of FROM sessions_versions FINAL
			WHERE athlete_id = {athlete:String} AND session_id IN {sessions:Array(UUID)}
		) AS s ON e.id = s.session_id
		SETTINGS join_use_nulls = 1`
)

// Fates returns what became of those of an athlete's exports that have a row.
func (s *Store) Fates(ctx context.Context, athlete schema.AthleteID, ids []schema.ExportID) (map[schema.ExportID]Fate, error) {
	all := make(map[schema.ExportID]Fate)
	var sessions []schema.SessionID
	err := eachPart(ids, func(part []schema.ExportID) error {
		var rows []struct {
			ExportID   string      `ch:"export_id"`
			Format     string      `ch:"format"`
			Outcome    string      `ch:"outcome"`
			Reason     string      `ch:"reason"`
			Detail     string      `ch:"detail"`
			SessionIDs []uuid.UUID `ch:"session_ids"`
			MemberIDs  []string    `ch:"member_ids"`
		}
		ctx := clickhouse.Context(ctx, clickhouse.WithParameters(clickhouse.Parameters{"athlete": string(athlete), "exports": textArray(part)}))
		if err := s.conn.Select(ctx, &rows, fatesSQL); err != nil {
			return err
		}
		for i := range rows {
			r := &rows[i]
			id, err := schema.ParseExportID(r.ExportID)
			if err != nil {
				return err
			}
			f := Fate{Format: schema.Format(r.Format), Outcome: schema.Outcome(r.Outcome), Reason: schema.Reason(r.Reason), Detail: r.Detail}
			for _, one := range r.SessionIDs {
				f.Sessions = append(f.Sessions, FateSession{ID: schema.SessionID(one)})
				sessions = append(sessions, schema.SessionID(one))
			}
			for _, m := range r.MemberIDs {
				member, err := schema.ParseExportID(m)
				if err != nil {
					return err
				}
				f.Members = append(f.Members, member)
			}
			all[id] = f
		}
		return nil
	})
	if err == nil {
		err = s.fateSessions(ctx, athlete, all, sessions)
	}
	return all, classify("ask what became of exports", err)
}

// fateSessions fills in the sessions of exports.
func (s *Store) fateSessions(ctx context.Context, athlete schema.AthleteID, all map[schema.ExportID]Fate, ids []schema.SessionID) error {
	known := make(map[schema.SessionID]FateSession)
	err := eachPart(ids, func(part []schema.SessionID) error {
		ctx := clickhouse.Context(ctx, clickhouse.WithParameters(clickhouse.Parameters{"athlete": string(athlete), "sessions": textArray(part)}))
		rows, err := s.conn.Query(ctx, fateSessionsSQL)
		if err != nil {
			return err
		}
		defer rows.Close() //nolint:errcheck // Err below has it
		for rows.Next() {
			var (
				id     uuid.UUID
				first  string
				stored bool
				copyOf *uuid.UUID
			)
			if err := rows.Scan(&id, &first, &stored, &copyOf); err != nil {
				return err
			}
			if !stored {
				continue
			}
			f := FateSession{ID: schema.SessionID(id), DuplicateOf: (*schema.SessionID)(copyOf)}
			if f.First, err = schema.ParseExportID(first); err != nil {
				return err
			}
			known[f.ID] = f
		}
		return rows.Err()
	})
	if err != nil {
		return err
	}
	for export, fate := range all {
		fate.Complete = true
		for i := range fate.Sessions {
			f, stored := known[fate.Sessions[i].ID]
			fate.Complete = fate.Complete && stored
			if stored {
				fate.Sessions[i] = f
			}
		}
		all[export] = fate
	}
	return nil
}

// uploadSQL finds an export by schema.JobID.UploadID.
const uploadSQL = `SELECT athlete_id, export_id FROM exports_versions
	WHERE ({athlete:String} = '' OR athlete_id = {athlete:String})
		AND bitShiftRight(reinterpretAsUInt64(reverse(substring(
			SHA256(concat('plodwatch job\0', athlete_id, '\0', unhex(export_id))), 1, 8))), 11) = {upload:UInt64}
	LIMIT 1`

// FindUpload returns the export whose job has the number upload
// (schema.JobID.UploadID), of one athlete or, when athlete is empty, of any.
func (s *Store) FindUpload(ctx context.Context, athlete schema.AthleteID, upload int64) (owner schema.AthleteID, export schema.ExportID, found bool, err error) {
	var rows []struct {
		AthleteID string `ch:"athlete_id"`
		ExportID  string `ch:"export_id"`
	}
	ctx = clickhouse.Context(ctx, clickhouse.WithParameters(clickhouse.Parameters{
		"athlete": string(athlete), "upload": strconv.FormatInt(upload, 10),
	}))
	if err := s.conn.Select(ctx, &rows, uploadSQL); err != nil {
		return "", schema.ExportID{}, false, classify("look for upload", err)
	}
	if len(rows) == 0 {
		return "", schema.ExportID{}, false, nil
	}
	export, err = schema.ParseExportID(rows[0].ExportID)
	return schema.AthleteID(rows[0].AthleteID), export, err == nil, err
}
