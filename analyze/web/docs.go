package web

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"strconv"
	"strings"
	"unicode"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
)

// docFiles is the documentation: Markdown in four kinds, and README.md, which
// leads to them. Its links are those of the files, so that it reads the same in
// a repository's viewer; the pages have the same addresses without ".md".
//
//go:embed docs/README.md docs/*/*.md
var docFiles embed.FS

// Where the documentation is.
const (
	pathDocs = "/docs/{$}"
	pathDoc  = "/docs/{kind}/{name}"
)

// docKinds are the kinds of documentation, in the order of the side bar.
var docKinds = [...]struct{ dir, name string }{
	{"tutorial", "First steps"},
	{"howto", "How to"},
	{"reference", "Reference"},
	{"explanation", "Explanation"},
}

// doc is a page of the documentation.
type doc struct {
	Title    string
	Body     template.HTML
	Headings []link // of the second level, by their anchors
	Kinds    []docKind
}

// docKind is a part of the side bar.
type docKind struct {
	Name  string
	Pages []link
}

// docs shows a page of the documentation, the first one without a name. It is
// part of the program and nobody's data: who is not signed in may read it.
func (w *Web) docs(v *visit) error {
	kind, name := v.r.PathValue("kind"), v.r.PathValue("name")
	file := "docs/README.md"
	if name != "" {
		file = "docs/" + kind + "/" + name + ".md" // not joined: ".." is no name
	}
	source, err := docFiles.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrInvalid) {
		return errNotFound
	}
	if err != nil {
		return fmt.Errorf("read documentation: %w", err)
	}
	d, err := renderDoc(source)
	if err != nil {
		return err
	}
	if d.Kinds, err = sideBar(file); err != nil {
		return err
	}
	return v.render("docs", d.Title, d)
}

// renderDoc makes HTML of Markdown. Raw HTML in it is left out.
func renderDoc(source []byte) (*doc, error) {
	md := goldmark.New(goldmark.WithExtensions(extension.Table), goldmark.WithParserOptions(parser.WithAutoHeadingID()))
	root := md.Parser().Parse(text.NewReader(source), parser.WithContext(parser.NewContext(parser.WithIDs(anchors{}))))
	d := &doc{}
	err := ast.Walk(root, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.Link:
			n.Destination = []byte(pageLink(string(n.Destination)))
		case *ast.Heading:
			d.heading(n, source)
		}
		return ast.WalkContinue, nil
	})
	if err != nil {
		return nil, fmt.Errorf("read documentation: %w", err)
	}
	var b bytes.Buffer
	if err := md.Renderer().Render(&b, source, root); err != nil {
		return nil, fmt.Errorf("write documentation: %w", err)
	}
	// Wide tables and long lines scroll by themselves, and by the keyboard.
	html := strings.NewReplacer("<table>", `<div class="wide" tabindex="0"><table>`, "</table>", "</table></div>",
		"<pre>", `<pre tabindex="0">`).Replace(b.String())
	d.Body = template.HTML(html) //nolint:gosec // of our own files, and goldmark leaves raw HTML out
	return d, nil
}

// anchors are the ids of a page's headings, by how often each was given out. They
// are those of GitHub's viewer, so that links with anchors work in both.
type anchors map[string]int

// Generate implements parser.IDs.
func (a anchors) Generate(heading []byte, _ ast.NodeKind) []byte {
	id := strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
			return unicode.ToLower(r)
		}
		return -1
	}, strings.TrimSpace(string(heading)))
	a[id]++
	if n := a[id]; n > 1 {
		id += "-" + strconv.Itoa(n-1)
	}
	return []byte(id)
}

// Put implements parser.IDs.
func (a anchors) Put(id []byte) { a[string(id)]++ }

func (d *doc) heading(h *ast.Heading, source []byte) {
	words := plainText(h, source)
	switch h.Level {
	case 1:
		d.Title = words
	case 2:
		if id, ok := h.AttributeString("id"); ok {
			if anchor, ok := id.([]byte); ok {
				d.Headings = append(d.Headings, link{Name: words, Address: "#" + string(anchor)})
			}
		}
	}
}

// plainText returns the words of a heading without their marks.
func plainText(n ast.Node, source []byte) string {
	var b strings.Builder
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		if t, ok := c.(*ast.Text); ok {
			b.Write(t.Value(source))
		} else {
			b.WriteString(plainText(c, source))
		}
	}
	return b.String()
}

// pageLink turns a link to a file of the documentation into one to its page.
func pageLink(to string) string {
	file, anchor, found := strings.Cut(to, "#")
	if found {
		anchor = "#" + anchor
	}
	if strings.Contains(file, "://") {
		return to
	}
	if dir, ok := strings.CutSuffix(file, "README.md"); ok {
		return dir + anchor
	}
	return strings.TrimSuffix(file, ".md") + anchor
}

// sideBar lists all pages; here is the file that is shown.
func sideBar(here string) ([]docKind, error) {
	var kinds []docKind
	for _, k := range docKinds {
		files, err := fs.Glob(docFiles, "docs/"+k.dir+"/*.md")
		if err != nil {
			return nil, fmt.Errorf("list documentation: %w", err)
		}
		kind := docKind{Name: k.name}
		for _, file := range files {
			source, err := docFiles.ReadFile(file)
			if err != nil {
				return nil, fmt.Errorf("read documentation: %w", err)
			}
			title, _, _ := strings.Cut(string(source), "\n")
			kind.Pages = append(kind.Pages, link{
				Name: strings.TrimPrefix(title, "# "), Address: "/" + strings.TrimSuffix(file, ".md"), Here: file == here,
			})
		}
		kinds = append(kinds, kind)
	}
	return kinds, nil
}
