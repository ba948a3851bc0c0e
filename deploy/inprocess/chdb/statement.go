package chdb

import "strings"

// statement is what can be told about a text before the engine sees it.
type statement struct {
	sql  string
	verb string // the first word in upper case, or "("
	// format is what a FORMAT clause names; empty without one.
	format string
	// formatFrom and formatTo bound that clause.
	formatFrom, formatTo int
	// end is where the text ends without blanks, comments and semicolons.
	end int
	// insert is true when data follows; head is the text in front of FORMAT or
	// VALUES and dataFrom where data inside the text begins.
	insert   bool
	values   bool
	head     string
	dataFrom int
}

// parseStatement reads the verb and the FORMAT clause of a text. For an INSERT
// it stops where the data begins, so a text that is cut behind that point is
// read the same.
func parseStatement(sql string) statement {
	s := statement{sql: sql}
	lex := lexer{sql: sql}
	depth := 0
	var before, last token // last is the token in front, before the one in front of that
	for {
		t := lex.next()
		if t.kind == tokenEnd {
			break
		}
		word := sql[t.from:t.to]
		if s.verb == "" && (t.kind == tokenWord || word == "(") {
			s.verb = strings.ToUpper(word)
		}
		if t.kind == tokenSign {
			switch word {
			case "(", "[", "{":
				depth++
			case ")", "]", "}":
				depth--
			}
		}
		if depth == 0 && s.verb == "INSERT" && s.insertData(t, last) {
			return s
		}
		if s.verb != "INSERT" && depth == 0 && s.isWord(last, "FORMAT") && before.kind != tokenEnd && t.kind == tokenWord {
			s.format, s.formatFrom, s.formatTo = word, last.from, t.to
		} else if word != ";" && s.formatTo > 0 && !s.afterFormat(t, last) {
			s.format, s.formatFrom, s.formatTo = "", 0, 0 // it was a name, not the clause
		}
		if word != ";" || t.kind != tokenSign {
			s.end = t.to
		}
		before, last = last, t
	}
	return s
}

func (s *statement) isWord(t token, word string) bool {
	return t.kind == tokenWord && strings.EqualFold(s.sql[t.from:t.to], word)
}

// afterFormat tells whether t may follow a FORMAT clause: only SETTINGS may,
// and then anything.
func (s *statement) afterFormat(t, last token) bool {
	return s.isWord(t, "SETTINGS") || last.from >= s.formatTo
}

// insertData looks for the end of an INSERT's head at t, whose neighbour in
// front is last. It reports true when the data begins.
func (s *statement) insertData(t, last token) bool {
	switch {
	case s.isWord(last, "INTO"), s.isWord(last, "TABLE"), last.kind == tokenSign && s.sql[last.from] == '.':
		return false // the table's name
	case s.isWord(t, "VALUES"):
		s.insert, s.values, s.format = true, true, "Values"
		s.head, s.dataFrom = s.sql[:t.from], t.to
		return true
	case s.isWord(last, "FORMAT") && t.kind == tokenWord && s.formatFrom >= 0:
		s.insert = true
		s.format, s.head = s.sql[t.from:t.to], s.sql[:last.from]
		s.dataFrom = skipToData(s.sql, t.to)
		return true
	}
	return false
}

// skipToData leaves out the blanks and the one line end that separate FORMAT
// from the data behind it.
func skipToData(sql string, i int) int {
	for i < len(sql) && strings.IndexByte(" \t\f", sql[i]) >= 0 {
		i++
	}
	if i < len(sql) && sql[i] == '\r' {
		i++
	}
	if i < len(sql) && sql[i] == '\n' {
		i++
	}
	return i
}

// selects tells whether the verb can begin a SELECT.
func (s *statement) selects() bool {
	switch s.verb {
	case "SELECT", "WITH", "FROM", "(":
		return true
	}
	return false
}

// shows tells whether the verb answers with rows and changes nothing.
func (s *statement) shows() bool {
	switch s.verb {
	case "SHOW", "DESCRIBE", "DESC", "EXISTS", "EXPLAIN", "CHECK":
		return true
	}
	return s.selects()
}

// keepsSession tells whether the connection is afterwards as it was.
func (s *statement) keepsSession() bool {
	switch s.verb {
	case "INSERT", "KILL", "ALTER":
		return true
	case "CREATE": // a temporary table belongs to the connection
		return !strings.Contains(strings.ToUpper(s.sql), "TEMPORARY")
	}
	return s.shows()
}

// bare is the text without its FORMAT clause and closing semicolon, fit to
// stand in brackets.
func (s *statement) bare() string {
	if s.formatTo == 0 {
		return s.sql[:s.end]
	}
	return s.sql[:s.formatFrom] + s.sql[s.formatTo:max(s.end, s.formatTo)]
}

// streams tells whether a format can be handed on piece by piece: formats with
// a header or a footer are built whole, because the engine would repeat those
// for each piece.
func streams(format string) bool {
	switch strings.ToLower(format) {
	case "native", "tsv", "tabseparated", "tsvraw", "tabseparatedraw", "csv",
		"jsoneachrow", "ndjson", "jsonlines", "jsoncompacteachrow", "jsonstringseachrow", "rowbinary", "lineasstring":
		return true
	}
	return false
}

// contentType is what the server answers for a format.
func contentType(format string) string {
	f := strings.ToLower(format)
	switch {
	case strings.HasPrefix(f, "json") && strings.Contains(f, "eachrow"), f == "ndjson", f == "jsonlines":
		return "application/x-ndjson; charset=UTF-8"
	case strings.HasPrefix(f, "json"):
		return "application/json; charset=UTF-8"
	case strings.HasPrefix(f, "csv"):
		return "text/csv; charset=UTF-8; header=" + presence(strings.Contains(f, "withnames"))
	case strings.HasPrefix(f, "tsv"), strings.HasPrefix(f, "tabseparated"):
		return "text/tab-separated-values; charset=UTF-8"
	case f == "native", strings.HasPrefix(f, "rowbinary"), f == "parquet", strings.HasPrefix(f, "arrow"), f == "orc", f == "avro":
		return "application/octet-stream"
	}
	return "text/plain; charset=UTF-8"
}

func presence(b bool) string {
	if b {
		return "present"
	}
	return "absent"
}
