package main

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// grafana expands what Grafana and its ClickHouse plug-in expand before a query
// is sent: the documented macros and template variables.
type grafana struct {
	from, to  time.Time
	interval  time.Duration
	variables map[string][]string
}

// errMacro says that a query has what the plug-in does not know.
var errMacro = errors.New("not a macro or variable that is known")

var (
	macroCall   = regexp.MustCompile(`\$__([a-zA-Z_]+)`)
	variableUse = regexp.MustCompile(`\$\{([a-zA-Z_]+)(?::([a-z]+))?\}`)
)

func (g *grafana) expand(sql string) (string, error) {
	var bad error
	sql = variableUse.ReplaceAllStringFunc(sql, func(use string) string {
		m := variableUse.FindStringSubmatch(use)
		values, known := g.variables[m[1]]
		if !known || m[2] != "sqlstring" { // without it a name could break out of its quotes
			bad = errors.Join(bad, fmt.Errorf("%w: %s", errMacro, use))
		}
		quoted := make([]string, len(values))
		for i, v := range values {
			quoted[i] = "'" + strings.ReplaceAll(v, "'", "''") + "'"
		}
		return strings.Join(quoted, ",")
	})
	for bad == nil {
		at := macroCall.FindStringSubmatchIndex(sql)
		if at == nil {
			break
		}
		args, end, err := macroArguments(sql, at[1])
		if err != nil {
			return "", err
		}
		text, err := g.macro(sql[at[2]:at[3]], args)
		if err != nil {
			return "", err
		}
		sql = sql[:at[0]] + text + sql[end:]
	}
	if _, rest, left := strings.Cut(sql, "$"); bad == nil && left {
		bad = fmt.Errorf("%w: $%s", errMacro, rest)
	}
	return sql, bad
}

// macroArguments reads (a, b) at a place of a text, if it is there.
func macroArguments(sql string, at int) (args []string, end int, err error) {
	if at >= len(sql) || sql[at] != '(' {
		return nil, at, nil
	}
	depth, from := 0, at+1
	for i := at; i < len(sql); i++ {
		switch c := sql[i]; {
		case c == '(':
			depth++
		case c == ',' && depth == 1:
			args, from = append(args, strings.TrimSpace(sql[from:i])), i+1
		case c == ')':
			if depth--; depth == 0 {
				return append(args, strings.TrimSpace(sql[from:i])), i + 1, nil
			}
		}
	}
	return nil, 0, fmt.Errorf("%w: it is not closed: %s", errMacro, sql[at:])
}

// macro is what the plug-in makes of one.
func (g *grafana) macro(name string, args []string) (string, error) {
	instant := func(t time.Time) string { return fmt.Sprintf("toDateTime(%d)", t.Unix()) }
	milli := func(t time.Time) string { return fmt.Sprintf("fromUnixTimestamp64Milli(%d)", t.UnixMilli()) }
	day := func(t time.Time) string { return "toDate('" + t.UTC().Format(time.DateOnly) + "')" }
	between := func(column string, write func(time.Time) string) string {
		return fmt.Sprintf("%s >= %s AND %s <= %s", column, write(g.from), column, write(g.to))
	}
	seconds := max(int(g.interval.Seconds()), 1)
	want := map[string]int{"timeFilter": 1, "timeFilter_ms": 1, "dateFilter": 1, "dateTimeFilter": 2, "dt": 2, "timeInterval": 1, "timeInterval_ms": 1}
	if n := want[name]; n != len(args) {
		return "", fmt.Errorf("%w: $__%s takes %d arguments, not %d", errMacro, name, n, len(args))
	}
	switch name {
	case "fromTime":
		return instant(g.from), nil
	case "toTime":
		return instant(g.to), nil
	case "fromTime_ms":
		return milli(g.from), nil
	case "toTime_ms":
		return milli(g.to), nil
	case "interval_s":
		return strconv.Itoa(seconds), nil
	case "timeFilter":
		return between(args[0], instant), nil
	case "timeFilter_ms":
		return between(args[0], milli), nil
	case "dateFilter":
		return between(args[0], day), nil
	case "dateTimeFilter", "dt":
		return "(" + between(args[0], day) + ") AND (" + between(args[1], instant) + ")", nil
	case "timeInterval":
		return fmt.Sprintf("toStartOfInterval(toDateTime(%s), INTERVAL %d second)", args[0], seconds), nil
	case "timeInterval_ms":
		return fmt.Sprintf("toStartOfInterval(toDateTime64(%s, 3), INTERVAL %d millisecond)", args[0], seconds*1000), nil
	}
	return "", fmt.Errorf("%w: $__%s", errMacro, name)
}
