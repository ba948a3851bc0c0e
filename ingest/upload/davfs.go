package upload

import (
	"cmp"
	"container/list"
	"context"
	"io/fs"
	"net/http"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/webdav"

	"plodwatch/schema"
)

// davContent says where the content of a listed file is.
type davContent uint8

const (
	davEmpty   davContent = iota // there is none
	davTaken                     // it is an export
	davDropped                   // nowhere: it was litter
)

// davContentType is said of every file. Names are never asked, and content is
// gone.
const davContentType = "application/octet-stream"

// davInfo is what is listed of a file or a folder.
type davInfo struct {
	name    string
	folder  bool
	size    int64 // bytes
	changed time.Time
	content davContent
	export  schema.ExportID // when content is davTaken
}

// Name returns the last element of the path.
func (i davInfo) Name() string { return i.name }

// Size returns how many bytes were put.
func (i davInfo) Size() int64 { return i.size }

// Mode returns that of a file or a folder.
func (i davInfo) Mode() fs.FileMode {
	if i.folder {
		return fs.ModeDir | 0o700
	}
	return 0o600
}

// ModTime returns when it was put.
func (i davInfo) ModTime() time.Time { return i.changed }

// IsDir reports whether it is a folder.
func (i davInfo) IsDir() bool { return i.folder }

// Sys returns nil.
func (i davInfo) Sys() any { return nil }

// ContentType keeps golang.org/x/net/webdav from reading the file to find out.
func (i davInfo) ContentType(context.Context) (string, error) { return davContentType, nil }

// ETag is the export's, so that the same bytes have the same one.
func (i davInfo) ETag(context.Context) (string, error) {
	if i.content != davTaken {
		return "", webdav.ErrNotImplemented
	}
	return i.tag(), nil
}

func (i davInfo) tag() string { return `"` + i.export.String() + `"` }

// davEntry is a file or a folder in a tree.
type davEntry struct {
	davInfo

	parent   *davEntry
	children map[string]*davEntry // of a folder
	place    *list.Element        // in davTree.byAge; nil for the top
}

// davTree is a webdav.FileSystem of one athlete's listings. Folders that are
// missing are made. Safe for concurrent use.
type davTree struct {
	most int
	now  func() time.Time

	mu  sync.Mutex
	top *davEntry
	// byAge holds all entries but the top. A folder is always behind all that
	// is in it, so that the first one holds nothing and can be forgotten.
	byAge *list.List
}

// newDAVTree returns an empty tree that lists as many entries as most.
func newDAVTree(most int, now func() time.Time) *davTree {
	t := &davTree{most: most, now: now, byAge: list.New()}
	t.top = &davEntry{davInfo: davInfo{name: "/", folder: true, changed: now()}, children: make(map[string]*davEntry)}
	return t
}

// noEntry is the error of a path that is not listed. It is a PathError because
// golang.org/x/net/webdav leaves such out of a listing, and names no path.
func noEntry() error { return &fs.PathError{Op: "find", Err: fs.ErrNotExist} }

func elementsOf(name string) []string {
	return strings.FieldsFunc(path.Clean("/"+name), func(r rune) bool { return r == '/' })
}

// find returns the entry at a path, nil when there is none.
func (t *davTree) find(name string) *davEntry {
	e := t.top
	for _, element := range elementsOf(name) {
		if e = e.children[element]; e == nil {
			return nil
		}
	}
	return e
}

// folder returns the folder with these elements, and makes it when it is
// missing. A file in the way is an error.
func (t *davTree) folder(elements []string) (*davEntry, error) {
	e := t.top
	for _, element := range elements {
		next := e.children[element]
		if next == nil {
			next = t.add(e, davInfo{name: element, folder: true, changed: t.now()})
		}
		if !next.folder {
			return nil, fs.ErrExist
		}
		e = next
	}
	return e, nil
}

// add lists an entry that is not there yet.
func (t *davTree) add(parent *davEntry, info davInfo) *davEntry {
	e := &davEntry{davInfo: info, parent: parent}
	if info.folder {
		e.children = make(map[string]*davEntry)
	}
	parent.children[info.name] = e
	e.place = t.byAge.PushBack(e)
	t.touch(e)
	return e
}

// touch makes an entry the youngest, and the folders that hold it younger yet.
func (t *davTree) touch(e *davEntry) {
	for ; e != t.top; e = e.parent {
		t.byAge.MoveToBack(e.place)
	}
}

// forget drops the oldest entries above the bound.
func (t *davTree) forget() {
	for t.byAge.Len() > t.most {
		t.remove(t.byAge.Front().Value.(*davEntry)) //nolint:forcetypeassert // holds nothing else
	}
}

// remove drops an entry and all that is in it.
func (t *davTree) remove(e *davEntry) {
	for _, child := range e.children {
		t.remove(child)
	}
	delete(e.parent.children, e.name)
	t.byAge.Remove(e.place)
}

// list has a file listed as info says, in place of the one before. A folder
// that has come in its place stays.
func (t *davTree) list(name string, info davInfo) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	elements := elementsOf(name)
	if len(elements) == 0 {
		return fs.ErrExist
	}
	last := len(elements) - 1
	parent, err := t.folder(elements[:last])
	if err != nil {
		return err
	}
	info.name = elements[last]
	e := parent.children[info.name]
	switch {
	case e == nil:
		t.add(parent, info)
	case e.folder:
		return fs.ErrExist
	default:
		e.davInfo = info
		t.touch(e)
	}
	t.forget()
	return nil
}

// Mkdir makes a folder, and those that it is in. The error is fs.ErrExist when
// there is something.
func (t *davTree) Mkdir(_ context.Context, name string, _ os.FileMode) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.find(name) != nil {
		return fs.ErrExist
	}
	_, err := t.folder(elementsOf(name))
	t.forget()
	return err
}

// OpenFile opens what is listed, or with os.O_CREATE a file that is listed when
// it is closed.
func (t *davTree) OpenFile(ctx context.Context, name string, flag int, _ os.FileMode) (webdav.File, error) {
	info, err := t.look(name)
	put, _ := ctx.Value(davPutKey{}).(*davPut)
	if flag&os.O_CREATE == 0 {
		if err != nil {
			return nil, err
		}
		return &davFile{tree: t, path: name, info: info}, nil
	}
	if err == nil && info.folder {
		err := refuse(http.StatusMethodNotAllowed, "path", "invalid", "there is a folder at this path")
		put.fail(err)
		return nil, err
	}
	if t.blocked(name) {
		err := refuse(http.StatusConflict, "path", "invalid", "a file is where a folder would have to be")
		put.fail(err)
		return nil, err
	}
	return &davFile{tree: t, path: name, info: davInfo{name: path.Base(name), changed: t.now()}, opened: true, put: put}, nil
}

// blocked reports whether a file is where one of the folders of a path would
// have to be.
func (t *davTree) blocked(name string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.top
	for _, element := range elementsOf(path.Dir(path.Clean("/" + name))) {
		if e = e.children[element]; e == nil {
			return false
		}
		if !e.folder {
			return true
		}
	}
	return false
}

// RemoveAll drops a listing and all below it. What was taken stays taken.
func (t *davTree) RemoveAll(_ context.Context, name string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.find(name)
	if e == t.top {
		return fs.ErrPermission
	}
	if e != nil {
		t.remove(e)
	}
	return nil
}

// Rename lists something under another name.
func (t *davTree) Rename(_ context.Context, oldName, newName string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.find(oldName)
	if e == nil {
		return noEntry()
	}
	elements := elementsOf(newName)
	if e == t.top || len(elements) == 0 || below(path.Clean("/"+newName), path.Clean("/"+oldName)) {
		return fs.ErrPermission
	}
	last := len(elements) - 1
	parent, err := t.folder(elements[:last])
	if err != nil {
		return err
	}
	if parent.children[elements[last]] != nil {
		return fs.ErrExist
	}
	delete(e.parent.children, e.name)
	e.name, e.parent = elements[last], parent
	parent.children[e.name] = e
	t.touch(e)
	t.forget()
	return nil
}

// Stat says what is listed at a path.
func (t *davTree) Stat(_ context.Context, name string) (fs.FileInfo, error) {
	info, err := t.look(name)
	if err != nil {
		return nil, err
	}
	return info, nil
}

func (t *davTree) look(name string) (davInfo, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.find(name)
	if e == nil {
		return davInfo{}, noEntry()
	}
	return e.davInfo, nil
}

// children returns what a folder holds, by name.
func (t *davTree) children(name string) ([]fs.FileInfo, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.find(name)
	if e == nil {
		return nil, noEntry()
	}
	infos := make([]fs.FileInfo, 0, len(e.children))
	for _, child := range e.children {
		infos = append(infos, child.davInfo)
	}
	slices.SortFunc(infos, func(a, b fs.FileInfo) int { return cmp.Compare(a.Name(), b.Name()) })
	return infos, nil
}
