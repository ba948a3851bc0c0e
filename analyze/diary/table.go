package diary

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"plodwatch/schema"
)

// LineError is what is wrong with one line of a table. It wraps ErrBadEntry.
type LineError struct {
	Line int // from 1, the header included
	Err  error
}

// Error says where and what.
func (e *LineError) Error() string { return fmt.Sprintf("line %d: %v", e.Line, e.Err) }

// Unwrap returns what is wrong.
func (e *LineError) Unwrap() error { return e.Err }

// Table is what a table with a header held.
type Table[T any] struct {
	Rows    []T
	Faults  []*LineError // lines that were left out
	Ignored []string     // columns that mean nothing here
}

// ReadLog reads entries of the daily log from comma-, semicolon- or
// tab-separated text with a header. Columns: date (or day), and any of athlete,
// resting_hr, hrv, sleep_h, energy, note. Lines without an athlete are the given
// one's. A line that cannot be read is among the faults and the rest goes on; the
// error is for a file that cannot be read at all.
func ReadLog(r io.Reader, athlete schema.AthleteID) (*Table[Entry], error) {
	columns := map[string]string{
		"date": "date", "day": "date", "athlete": "athlete", "athlete_id": "athlete",
		"resting_hr": "resting_hr", "rhr": "resting_hr", "resting_heart_rate": "resting_hr", "rest_hr": "resting_hr",
		"hrv": "hrv", "hrv_ms": "hrv", "rmssd": "hrv",
		"sleep_h": "sleep", "sleep_hours": "sleep", "sleep": "sleep",
		"energy": "energy", "note": "note", "notes": "note", "comment": "note",
	}
	return readTable(r, columns, []string{"date"}, func(c cells) (Entry, error) {
		e := Entry{Athlete: athlete, Note: c.text("note")}
		faults := []error{
			c.athlete(&e.Athlete), c.day("date", &e.Day), c.number("resting_hr", &e.RestingHR),
			c.number("hrv", &e.HRV), c.number("sleep", &e.SleepH),
		}
		if text := c.text("energy"); text != "" {
			energy, err := ParseEnergy(text)
			faults = append(faults, err)
			e.Energy = &energy
		}
		if err := errors.Join(faults...); err != nil {
			return e, oneLine(err)
		}
		return e, e.Validate()
	})
}

// ReadPlans reads plans from a table as ReadLog does. Columns: date (or day),
// intent (or plan, kind), and athlete.
func ReadPlans(r io.Reader, athlete schema.AthleteID) (*Table[Plan], error) {
	columns := map[string]string{
		"date": "date", "day": "date", "athlete": "athlete", "athlete_id": "athlete",
		"intent": "intent", "plan": "intent", "kind": "intent",
	}
	return readTable(r, columns, []string{"date", "intent"}, func(c cells) (Plan, error) {
		p := Plan{Athlete: athlete}
		intent, err := ParseIntent(c.text("intent"))
		p.Intent = intent
		if err := errors.Join(c.athlete(&p.Athlete), c.day("date", &p.Day), err); err != nil {
			return p, oneLine(err)
		}
		return p, nil
	})
}

// readTable reads a table whose columns are named as columns says, and turns
// every line into a T.
func readTable[T any](r io.Reader, columns map[string]string, need []string, row func(cells) (T, error)) (*Table[T], error) {
	in, err := tableReader(r)
	if err != nil {
		return nil, err
	}
	header, err := in.Read()
	if errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read the table: it is empty: %w", ErrBadEntry)
	}
	if err != nil {
		return nil, fmt.Errorf("read the table's header: %w: %w", ErrBadEntry, err)
	}
	t := &Table[T]{}
	at := make(map[string]int, len(header))
	for i, title := range header {
		name, known := columns[strings.NewReplacer(" ", "_", "-", "_").Replace(normal(title))]
		if _, twice := at[name]; known && !twice {
			at[name] = i
		} else {
			t.Ignored = append(t.Ignored, title)
		}
	}
	for _, name := range need {
		if _, ok := at[name]; !ok {
			return nil, fmt.Errorf("read the table's header: there is no column %s: %w", name, ErrBadEntry)
		}
	}
	for {
		fields, err := in.Read()
		if errors.Is(err, io.EOF) {
			return t, nil
		}
		var bad *csv.ParseError
		switch {
		case errors.As(err, &bad):
			t.Faults = append(t.Faults, &LineError{Line: bad.StartLine, Err: fmt.Errorf("%w: %w", bad.Err, ErrBadEntry)})
			continue
		case err != nil:
			return t, fmt.Errorf("read the table: %w", err)
		}
		line, _ := in.FieldPos(0)
		if v, err := row(cells{at: at, fields: fields}); err != nil {
			t.Faults = append(t.Faults, &LineError{Line: line, Err: err})
		} else {
			t.Rows = append(t.Rows, v)
		}
	}
}

// tableReader finds out what separates the columns and skips a byte order mark.
func tableReader(r io.Reader) (*csv.Reader, error) {
	buffered := bufio.NewReader(r)
	head, err := buffered.Peek(4096)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read the table: %w", err)
	}
	text := string(head)
	if strings.HasPrefix(text, "\ufeff") {
		_, _ = buffered.Discard(len("\ufeff")) // it is in the buffer
	}
	first, _, _ := strings.Cut(text, "\n")
	in := csv.NewReader(buffered)
	in.Comma = slices.MaxFunc([]rune{',', ';', '\t'}, func(a, b rune) int {
		return strings.Count(first, string(a)) - strings.Count(first, string(b))
	})
	in.FieldsPerRecord, in.TrimLeadingSpace = -1, in.Comma != '\t'
	return in, nil
}

// cells is one line of a table.
type cells struct {
	at     map[string]int
	fields []string
}

// text returns a cell, "" when the line does not have it.
func (c cells) text(name string) string {
	i, ok := c.at[name]
	if !ok || i >= len(c.fields) {
		return ""
	}
	return strings.TrimSpace(c.fields[i])
}

func (c cells) athlete(to *schema.AthleteID) error {
	if text := c.text("athlete"); text != "" {
		*to = schema.AthleteID(text)
	}
	_, err := schema.ParseAthleteID(string(*to))
	return err
}

func (c cells) day(name string, to *schema.Day) error {
	d, err := schema.ParseDay(c.text(name))
	*to = d
	return err
}

// number reads a cell that may be empty; the decimal mark is a point or a
// comma.
func (c cells) number(name string, to **float64) error {
	text := c.text(name)
	if text == "" {
		return nil
	}
	v, err := strconv.ParseFloat(strings.Replace(text, ",", ".", 1), 64)
	if err != nil || !isFinite(v) {
		return fmt.Errorf("%s %q: need a number", name, clip(text))
	}
	*to = &v
	return nil
}

// oneLine makes several faults one of one line that wraps ErrBadEntry.
func oneLine(err error) error {
	text := strings.ReplaceAll(err.Error(), ": "+ErrBadEntry.Error(), "")
	return fmt.Errorf("%s: %w", strings.ReplaceAll(text, "\n", "; "), ErrBadEntry)
}
