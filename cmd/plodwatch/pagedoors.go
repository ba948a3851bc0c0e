package main

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"plodwatch/analyze"
	"plodwatch/analyze/store"
	"plodwatch/analyze/web"
	"plodwatch/ingest"
	"plodwatch/ingest/tokens"
	"plodwatch/ingest/upload"
	"plodwatch/schema"
)

// addDoors gives the page what it does in this process besides showing.
func (h *localHost) addDoors(deps *web.Deps, gate *upload.Gate, file *tokens.File) {
	deps.Uploads = pageUploads{gate}
	deps.DeadLetters = pageDead{h}
	deps.Settings = pageSettings{h}
	deps.Tokens = pageTokens{file}
	deps.Queries = pageQueries{h}
}

// pageUploads hands files of the page to the gate.
type pageUploads struct{ *upload.Gate }

// Take hands one file to the gate.
func (u pageUploads) Take(ctx context.Context, by web.Visitor, athlete schema.AthleteID, name string, body io.Reader) (web.Taken, error) {
	key := by.ID
	if by.Local() {
		key = "local"
	}
	rc, err := u.TakeFor(ctx, key, athlete, name, body)
	var refusal *upload.Refusal
	if errors.As(err, &refusal) {
		return web.Taken{}, &web.Refused{Status: refusal.Status, Words: refusal.Text, RetryAfter: refusal.RetryAfter}
	}
	return web.Taken{Export: rc.Record.Export, Duplicate: rc.Duplicate}, err
}

// pageDead looks after dead letters as the command dead does.
type pageDead struct{ h *localHost }

// List returns all dead letters.
func (d pageDead) List(ctx context.Context) ([]web.DeadLetter, error) {
	rows, err := d.h.dead(ctx, nil)
	all := make([]web.DeadLetter, 0, len(rows))
	for i := range rows {
		r := &rows[i]
		all = append(all, web.DeadLetter{ID: r.ID, At: r.Time, Kind: r.Kind, Athlete: r.Athlete, What: r.what(), Reason: r.Reason})
	}
	return all, laterInWords(err)
}

// Retry queues messages again.
func (d pageDead) Retry(ctx context.Context, ids []uint64) (int, error) {
	return d.do(ctx, deadRetry, ids)
}

// Drop removes messages.
func (d pageDead) Drop(ctx context.Context, ids []uint64) (int, error) {
	return d.do(ctx, deadDrop, ids)
}

func (d pageDead) do(ctx context.Context, action string, ids []uint64) (failed int, err error) {
	rows, err := d.h.deadDo(ctx, action, ids)
	for i := range rows {
		if rows[i].Error != "" {
			d.h.app.log.Warn("a message that was set aside stays", "id", rows[i].ID, "action", action, "error", rows[i].Error)
			failed++
		}
	}
	return failed, laterInWords(err)
}

// pageSettings changes settings as the command athlete set does.
type pageSettings struct{ h *localHost }

// SetSettings stores settings and analyzes what they cover again.
func (s pageSettings) SetSettings(ctx context.Context, set schema.Settings) (int, error) {
	n, err := s.h.setSettings(ctx, set)
	return n, laterInWords(err)
}

// laterInWords says in the words of analyze that it is worth trying again.
func laterInWords(err error) error {
	if errors.Is(err, ingest.ErrNotNow) && !errors.Is(err, analyze.ErrNotNow) {
		return fmt.Errorf("%w: %w", analyze.ErrNotNow, err)
	}
	return err
}

// pageTokens makes and revokes tokens as the command token does.
type pageTokens struct{ file *tokens.File }

// List returns all tokens.
func (p pageTokens) List() ([]web.Token, error) {
	all, err := p.file.List()
	out := make([]web.Token, 0, len(all))
	for i := range all {
		out = append(out, webToken(&all[i]))
	}
	return out, err
}

// Add makes a token.
func (p pageTokens) Add(n web.NewToken) (web.Token, string, error) {
	t, secret, err := p.file.Add(tokens.New{Athlete: n.Athlete, Role: tokens.Role(n.Role), Note: n.Note, Expires: n.Expires})
	return webToken(&t), secret, err
}

// Revoke takes a token back; one that is gone is no error.
func (p pageTokens) Revoke(id string) error {
	if err := p.file.Revoke(id); err != nil && !errors.Is(err, tokens.ErrUnknown) {
		return err
	}
	return nil
}

func webToken(t *tokens.Token) web.Token {
	return web.Token{
		ID: t.ID, Created: t.Created, Expired: t.Expired(time.Now()),
		NewToken: web.NewToken{Athlete: t.Athlete, Role: string(t.Role), Note: t.Note, Expires: t.Expires},
	}
}

// pageQueries runs SQL as the command query does.
type pageQueries struct{ h *localHost }

// Query writes the answer to one statement.
func (q pageQueries) Query(ctx context.Context, w io.Writer, sql, format string) error {
	if q.h.engine != nil {
		return q.h.query(ctx, w, sql, format)
	}
	return writeExternal(ctx, q.h.st, w, sql, format)
}

// rowsFormat is the format of which the page makes its table.
const rowsFormat = "JSONCompactEachRowWithNamesAndTypes"

// writeExternal is queryExternal for the formats of the page.
func writeExternal(ctx context.Context, st *store.Store, w io.Writer, sql, format string) error {
	switch format {
	case "JSONEachRow":
		return queryExternal(ctx, st, w, sql, format)
	case "CSVWithNames":
		return externalCSV(ctx, st, w, sql)
	case rowsFormat:
		return externalRows(ctx, st, w, sql)
	}
	return fmt.Errorf("with an external ClickHouse, %s comes from its own client", format)
}

func externalCSV(ctx context.Context, st *store.Store, w io.Writer, sql string) error {
	out := csv.NewWriter(w)
	head := false
	err := st.ReadOnly(ctx, sql, func(columns []string, values []any) error {
		if !head {
			head = true
			if err := out.Write(columns); err != nil {
				return err
			}
		}
		if err := out.Write(texts(values)); err != nil {
			return err
		}
		out.Flush()
		return out.Error()
	})
	return err
}

// externalRows writes a line of names, one of types, as far as the values tell
// them, and a line for each row.
func externalRows(ctx context.Context, st *store.Store, w io.Writer, sql string) error {
	out := json.NewEncoder(w)
	head := false
	return st.ReadOnly(ctx, sql, func(columns []string, values []any) error {
		if !head {
			head = true
			types := make([]string, len(values))
			for i, v := range values {
				types[i] = typeOf(v)
			}
			if err := errors.Join(out.Encode(columns), out.Encode(types)); err != nil {
				return err
			}
		}
		return out.Encode(values)
	})
}

// typeOf names the type of a value as ClickHouse would, roughly.
func typeOf(v any) string {
	switch v.(type) {
	case *float64, *float32, **float64, **float32:
		return "Float64"
	case *int8, *int16, *int32, *int64, **int8, **int16, **int32, **int64:
		return "Int64"
	case *uint8, *uint16, *uint32, *uint64, **uint8, **uint16, **uint32, **uint64:
		return "UInt64"
	}
	return "String"
}
