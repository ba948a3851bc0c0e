package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"plodwatch/analyze/store"
)

// completionCmd prints the code that has a shell complete plodwatch's words.
type completionCmd struct {
	Shell string `arg:"" help:"The shell: bash, zsh or fish." enum:"bash,zsh,fish"`
}

// Help says more than fits a line.
func (c *completionCmd) Help() string {
	return `Completes commands, flags, their values and the names of files. While plodwatch up holds the
data directory, athletes and the latest sessions, too.

Examples:
  source <(plodwatch completion bash)          # in ~/.bashrc
  source <(plodwatch completion zsh)           # in ~/.zshrc, after compinit
  plodwatch completion fish | source           # in ~/.config/fish/config.fish`
}

// Run prints the code.
func (c *completionCmd) Run(a *app) error {
	_, err := io.WriteString(a.stdout, map[string]string{"bash": bashCompletion, "zsh": zshCompletion, "fish": fishCompletion}[c.Shell])
	return err
}

// completeCmd is what the shells' code asks. The libraries that complete for
// kong know no descriptions, take a line apart at spaces only, and complete no
// files in fish; and what lies below them has been let alone since 2019.
type completeCmd struct {
	Words []string `arg:"" optional:"" help:"The words after the program's name, the last as far as it is written."`
}

// Run prints what the last word may become, each with a tab and what it means;
// ":files" stands for the names of files.
func (c *completeCmd) Run(ctx context.Context, a *app) error {
	words := joinAssignments(c.Words)
	if len(words) == 0 {
		words = []string{""}
	}
	for _, p := range a.completions(ctx, words) {
		fmt.Fprintf(a.stdout, "%s\t%s\n", p.text, p.help)
	}
	return nil
}

// joinAssignments puts "--flag", "=", "value" together, which bash takes for
// three words.
func joinAssignments(words []string) []string {
	var out []string
	for i := 0; i < len(words); i++ {
		if words[i] != "=" || len(out) == 0 || !strings.HasPrefix(out[len(out)-1], "--") {
			out = append(out, words[i])
			continue
		}
		out[len(out)-1] += "="
		if i++; i < len(words) {
			out[len(out)-1] += words[i]
		}
	}
	return out
}

// proposal is what a word may become.
type proposal struct{ text, help string }

// files stands for the names of files, which shells complete themselves.
const files = ":files"

// spot is the place in a command line whose word is to be completed.
type spot struct {
	node       *kong.Node
	positional int        // arguments before it
	flag       *kong.Flag // whose value it is, or nil
	onlyArgs   bool       // after "--"
}

// find walks along the words before the one to complete.
func find(root *kong.Node, words []string) spot {
	s := spot{node: root}
	for _, w := range words {
		switch {
		case s.flag != nil:
			s.flag = nil
		case s.onlyArgs:
			s.positional++
		case w == "--":
			s.onlyArgs = true
		case strings.HasPrefix(w, "-"):
			name, _, given := strings.Cut(strings.TrimLeft(w, "-"), "=")
			if f := s.flagNamed(name); f != nil && !f.IsBool() && !given {
				s.flag = f
			}
		default:
			if child := s.child(w); child != nil && s.positional == 0 {
				s.node = child
			} else {
				s.positional++
			}
		}
	}
	return s
}

func (s *spot) child(name string) *kong.Node {
	for _, c := range s.node.Children {
		if c.Name == name {
			return c
		}
	}
	return nil
}

// flags returns those that may stand here.
func (s *spot) flags() []*kong.Flag {
	var all []*kong.Flag
	for _, group := range s.node.AllFlags(true) {
		all = append(all, group...)
	}
	if s.node.DefaultCmd != nil {
		all = append(all, s.node.DefaultCmd.Flags...)
	}
	return all
}

func (s *spot) flagNamed(name string) *kong.Flag {
	for _, f := range s.flags() {
		if f.Name == name || f.Short != 0 && string(f.Short) == name {
			return f
		}
	}
	return nil
}

// completions returns what the last of words may become.
func (a *app) completions(ctx context.Context, words []string) []proposal {
	s, word := find(a.kong.Model.Node, words[:len(words)-1]), words[len(words)-1]
	var all []proposal
	name, value, assigned := strings.Cut(word, "=")
	switch {
	case s.flag != nil:
		all = a.values(ctx, s.flag.Value, "", word)
	case !s.onlyArgs && assigned && strings.HasPrefix(word, "--"):
		if f := s.flagNamed(name[2:]); f != nil {
			all = a.values(ctx, f.Value, name+"=", value)
		}
	case !s.onlyArgs && strings.HasPrefix(word, "-"):
		for _, f := range s.flags() {
			all = append(all, proposal{"--" + f.Name, f.Help})
		}
	default:
		if s.positional == 0 {
			for _, c := range s.node.Children {
				if !c.Hidden {
					all = append(all, proposal{c.Name, c.Help})
				}
			}
		}
		if args := s.node.Positional; len(args) > 0 && (s.positional < len(args) || args[len(args)-1].IsCumulative()) {
			all = append(all, a.values(ctx, args[min(s.positional, len(args)-1)], "", word)...)
		}
	}
	return slices.DeleteFunc(all, func(p proposal) bool { return p.text != files && !strings.HasPrefix(p.text, word) })
}

// values returns what an argument or a flag may be, each after prefix.
func (a *app) values(ctx context.Context, v *kong.Value, prefix, begun string) []proposal {
	var all []proposal
	switch kind := cmp.Or(v.Tag.Get("complete"), v.Tag.Type); {
	case v.Enum != "":
		for _, e := range v.EnumSlice() {
			all = append(all, proposal{prefix + e, ""})
		}
	case kind == "path" || kind == "file":
		all = append(all, proposal{files, ""})
	case kind == "athlete" || kind == "session":
		for _, p := range a.stored(ctx, kind, begun) {
			all = append(all, proposal{prefix + p.text, p.help})
		}
	}
	return all
}

// completionPatience is how long a running plodwatch may take to say what is
// stored: somebody waits with a finger on the key.
const completionPatience = 2 * time.Second

// stored asks a running plodwatch for its athletes or latest sessions. Opening
// the tables here would take a second and keep others out.
func (a *app) stored(ctx context.Context, kind, begun string) []proposal {
	ctx, cancel := context.WithTimeout(ctx, completionPatience)
	defer cancel()
	dir, err := a.dataDir()
	if err != nil {
		return nil
	}
	h, err := a.joinHolder(ctx, dir, onlyStore)
	if err != nil {
		return nil
	}
	defer h.close(ctx)
	var all []proposal
	if kind == "athlete" {
		ids, _ := h.store().Athletes(ctx) // what cannot be asked is not completed
		for _, id := range ids {
			all = append(all, proposal{string(id), ""})
		}
		return all
	}
	list, _ := h.store().List(ctx, store.ListFilter{Limit: 100})
	for i := range slices.Backward(list) {
		s := &list[i]
		id := s.SessionID.String()
		all = append(all, proposal{id[:max(8, min(len(begun)+4, len(id)))], localStart(s) + " " + sportName(s)})
	}
	return all
}

// The shells' code. Each hands the words up to the cursor to the program.
const (
	bashCompletion = `# bash completion for plodwatch
_plodwatch() {
    local text help cur=${COMP_WORDS[COMP_CWORD]}
    COMPREPLY=()
    while IFS=$'\t' read -r text help; do
        if [[ $text == :files ]]; then
            compopt -o default -o bashdefault
        elif [[ $text == --*=* ]]; then
            COMPREPLY+=("${text#*=}") # bash counts what follows = as a word of its own
        else
            COMPREPLY+=("$text")
        fi
    done < <("${COMP_WORDS[0]/#\~/$HOME}" __complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _plodwatch plodwatch
`
	zshCompletion = `#compdef plodwatch
_plodwatch() {
    local text help
    local -a found
    while IFS=$'\t' read -r text help; do
        if [[ $text == :files ]]; then
            compset -P '--*='
            _files
        else
            found+=("${text//:/\\:}:$help")
        fi
    done < <("${(Q)words[1]/#\~/$HOME}" __complete -- "${(@Q)words[2,CURRENT]}" 2>/dev/null)
    (( $#found )) && _describe plodwatch found
}
if [[ $funcstack[1] == _plodwatch ]]; then _plodwatch "$@"; else compdef _plodwatch plodwatch; fi
`
	fishCompletion = `# fish completion for plodwatch
function __plodwatch_complete
    set -l before (commandline -opc)
    set -l current (commandline -ct)
    for line in ($before[1] __complete -- $before[2..-1] "$current" 2>/dev/null)
        if string match -q ':files*' -- $line
            __fish_complete_path (string replace -r '^--[^=]*=' '' -- "$current")
        else
            echo $line
        end
    end
end
complete -c plodwatch -f -a '(__plodwatch_complete)'
`
)
