package folder

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"plodwatch/schema"
)

// sighting is what was found at a path below the folder.
type sighting struct {
	rel    string
	at     time.Time
	state  fileState     // of a regular file
	reason schema.Reason // ReasonNone for a regular file
	gone   bool          // there is nothing
	err    error         // cause of ReasonUnreadable, without the path
}

// looked is what came of looking at some paths, or at the whole folder.
type looked struct {
	sightings []sighting
	dirs      []string // that were entered
	full      bool     // the whole folder was scanned
	err       error    // the folder itself could not be read, without the path
}

// looker looks at what is in the folder. It holds no state: the folder is
// opened anew every time, since it may have been mounted since.
type looker struct {
	dir   string
	watch func(dir string) // asks for notifications from a directory, before it is read
}

// look looks at every one of rels and, for a directory, at everything below.
func (l *looker) look(ctx context.Context, rels []string) looked {
	root, err := os.OpenRoot(l.dir)
	if err != nil {
		return looked{err: bare(err)}
	}
	defer root.Close()
	res := looked{}
	add := func(s sighting) {
		s.at = time.Now()
		res.sightings = append(res.sightings, s)
	}
	t := tree{
		root: root,
		enter: func(rel string, _ fs.FileInfo) bool {
			l.watch(filepath.Join(l.dir, rel))
			res.dirs = append(res.dirs, rel)
			return true
		},
		visit: func(e entry) error {
			switch e.rel {
			case ".":
				res.err = e.err
			case DoneDir:
			default:
				add(sightingOf(e))
			}
			return nil
		},
	}
	for _, rel := range rels {
		if rel == "." {
			err = t.walk(ctx, rel)
			res.full = err == nil && res.err == nil
			return res // it includes the others
		}
	}
	for _, rel := range rels {
		info, err := root.Lstat(rel)
		switch {
		case errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR):
			add(sighting{rel: rel, gone: true})
		case err == nil && info.IsDir() && !isLitter(filepath.Base(rel)):
			if t.walk(ctx, rel) != nil {
				return res // ctx has ended
			}
		default:
			add(sightingOf(entry{rel: rel, info: info, litter: isLitter(filepath.Base(rel)), err: bare(err)}))
		}
	}
	return res
}

func sightingOf(e entry) sighting {
	switch {
	case e.litter:
		return sighting{rel: e.rel, reason: schema.ReasonLitter}
	case errors.Is(e.err, fs.ErrNotExist):
		return sighting{rel: e.rel, gone: true}
	case e.err != nil:
		return sighting{rel: e.rel, reason: schema.ReasonUnreadable, err: e.err}
	case !e.info.Mode().IsRegular():
		return sighting{rel: e.rel, reason: schema.ReasonNotRegular}
	default:
		return sighting{rel: e.rel, state: stateOf(e.info)}
	}
}

func stateOf(info fs.FileInfo) fileState {
	s := fileState{size: info.Size(), mtimeNs: info.ModTime().UnixNano()}
	if sys, ok := info.Sys().(*syscall.Stat_t); ok {
		s.inode = sys.Ino
	}
	return s
}

// hidden tells whether rel lies below a directory that is litter, whose
// contents are nobody's business.
func hidden(rel string) bool {
	dir := filepath.Dir(rel)
	if dir == "." {
		return false
	}
	for name := range strings.SplitSeq(dir, string(filepath.Separator)) {
		if isLitter(name) {
			return true
		}
	}
	return false
}
