package chdb

import "strings"

// liftSettings takes a SETTINGS clause of plain values from the end of a text,
// where tools put it, in front of FORMAT or behind it. A client's settings pass
// the gate's own check as they do in a URL; in the text the engine would refuse
// them all, for the connection may change none. A clause in any other place or
// form stays where it is.
func liftSettings(sql string) (rest string, settings map[string]string) {
	var all []token
	lex, depth := lexer{sql: sql}, 0
	last := -1 // the SETTINGS that begins the last clause
	for t := lex.next(); t.kind != tokenEnd; t = lex.next() {
		switch sql[t.from:t.to] {
		case "(", "[", "{":
			depth++
		case ")", "]", "}":
			depth--
		}
		if depth == 0 && t.kind == tokenWord && strings.EqualFold(sql[t.from:t.to], "SETTINGS") {
			last = len(all)
		}
		all = append(all, t)
	}
	if last < 1 {
		return sql, nil
	}
	settings, n := plainSettings(sql, all[last+1:])
	if n == 0 || !endsAfter(sql, all[last+1+n:]) {
		return sql, nil
	}
	end := all[last+n].to
	return sql[:all[last].from] + sql[end:], settings
}

// plainSettings reads name = value, ... and returns how many tokens that took, 0
// when they are not that.
func plainSettings(sql string, tokens []token) (settings map[string]string, n int) {
	settings = map[string]string{}
	word := func(i int) string { return sql[tokens[i].from:tokens[i].to] }
	for {
		if n+3 > len(tokens) || tokens[n].kind != tokenWord || word(n+1) != "=" {
			return nil, 0
		}
		value := word(n + 2)
		switch tokens[n+2].kind {
		case tokenNumber, tokenWord:
		case tokenText:
			if len(value) < 2 || strings.ContainsAny(value[1:len(value)-1], `\'`) {
				return nil, 0
			}
			value = value[1 : len(value)-1]
		default:
			return nil, 0
		}
		settings[word(n)] = value
		if n += 3; n == len(tokens) || word(n) != "," {
			return settings, n
		}
		n++
	}
}

// endsAfter reports whether nothing but a FORMAT clause and semicolons is left.
func endsAfter(sql string, tokens []token) bool {
	if len(tokens) >= 2 && tokens[0].kind == tokenWord && tokens[1].kind == tokenWord &&
		strings.EqualFold(sql[tokens[0].from:tokens[0].to], "FORMAT") {
		tokens = tokens[2:]
	}
	for _, t := range tokens {
		if sql[t.from:t.to] != ";" {
			return false
		}
	}
	return true
}
