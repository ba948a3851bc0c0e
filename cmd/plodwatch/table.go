package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// table prints rows of cells under a header, aligned.
type table struct {
	out   io.Writer
	w     *tabwriter.Writer
	lines strings.Builder // what w has aligned
	rows  int
	paint map[int]func(line string) string // by row
}

func newTable(w io.Writer, header ...string) *table {
	t := &table{out: w, paint: map[int]func(string) string{}}
	t.w = tabwriter.NewWriter(&t.lines, 0, 0, 2, ' ', 0)
	t.row(header...)
	return t
}

func (t *table) row(cells ...string) {
	fmt.Fprintln(t.w, strings.Join(cells, "\t"))
	t.rows++
}

// first colours the first cell of the last row. Colours are put on the aligned
// lines: they have no width.
func (t *table) first(c colour, cell string) {
	t.paint[t.rows-1] = func(line string) string {
		if rest, ok := strings.CutPrefix(line, cell); ok {
			return c.paint(cell) + rest
		}
		return line
	}
}

// last colours the last cell of the last row.
func (t *table) last(c colour, cell string) {
	t.paint[t.rows-1] = func(line string) string {
		if rest, ok := strings.CutSuffix(line, cell); ok {
			return rest + c.paint(cell)
		}
		return line
	}
}

func (t *table) flush() error {
	if err := t.w.Flush(); err != nil {
		return err
	}
	row := 0
	for line := range strings.Lines(t.lines.String()) {
		if paint := t.paint[row]; paint != nil {
			line = paint(strings.TrimSuffix(line, "\n")) + "\n"
		}
		if _, err := io.WriteString(t.out, line); err != nil {
			return err
		}
		row++
	}
	t.lines.Reset()
	return nil
}

// printJSON writes v as one line of JSON.
func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// clock writes a duration as h:mm:ss.
func clock(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second)).Round(time.Second)
	return fmt.Sprintf("%d:%02d:%02d", int(d.Hours()), int(d.Minutes())%60, int(d.Seconds())%60)
}

// count writes a number with thin grouping: 1,234,567.
func count[T ~int | ~int64 | ~uint64](n T) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
