package main

import (
	"regexp"
	"strings"
)

// readmeIsTrue asks the questions of the README. Every line that it shows as an
// answer must come, in that order; others may come between them.
func (l *life) readmeIsTrue() {
	t := l.t
	_, section, found := strings.Cut(readme(t), "\n## Questions and answers\n")
	section, _, ended := strings.Cut(section, "\n## ")
	if !found || !ended {
		t.Fatal("the README has no section of questions and answers")
	}
	if n := strings.Count(section, "\n### "); n < 9 {
		t.Errorf("only %d questions", n)
	}
	blocks := regexp.MustCompile("(?s)```(sql)?\n(.*?)\n```").FindAllStringSubmatch(section, -1)
	compared := 0
	for i, block := range blocks {
		if block[1] == "sql" {
			said := l.do(exitOK, "query", strings.TrimSuffix(block[2], ";")).stdout
			if i+1 < len(blocks) && blocks[i+1][1] == "" && !strings.HasPrefix(blocks[i+1][2], "$ ") {
				l.shows(block[2], said, blocks[i+1][2])
				compared++
			}
			continue
		}
		command, shown, _ := strings.Cut(block[2], "\n")
		if command, ok := strings.CutPrefix(command, "$ plodwatch "); ok {
			command, _, _ = strings.Cut(command, "#")
			l.shows(command, l.do(exitOK, strings.Fields(command)...).stdout, shown)
			compared++
		}
	}
	if compared < 8 {
		t.Errorf("only %d answers in the README", compared)
	}
}

// shows wants the lines of an answer in what was said.
func (l *life) shows(question, said, answer string) {
	lines := strings.Split(said, "\n")
	for line := range strings.SplitSeq(answer, "\n") {
		line = strings.TrimRight(line, " ")
		if line == "" || line == "..." {
			continue
		}
		at := 0
		for at < len(lines) && strings.TrimRight(lines[at], " ") != line {
			at++
		}
		if at == len(lines) {
			l.t.Errorf("%s\ndoes not say\n%s\nbut\n%s", question, line, said)
			return
		}
		lines = lines[at+1:]
	}
}
