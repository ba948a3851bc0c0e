package folder

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"plodwatch/schema"
)

// File is one entry that Walk came by.
type File struct {
	// Path is a path given to Walk, joined with the way below it.
	Path    string
	Size    int64     // bytes; 0 for what is not a regular file
	ModTime time.Time // as the file system has it
	// Reason is ReasonNone for a file that can be opened. Otherwise it says
	// why the entry is not taken: ReasonLitter, ReasonNotRegular or
	// ReasonUnreadable.
	Reason schema.Reason
	// Err is the cause of ReasonUnreadable, without the path; nil otherwise.
	// errors.Is(Err, fs.ErrNotExist) holds for what is not there (any more).
	Err error

	given bool // named by the caller: links are followed
}

// Outcome returns what the entry's Reason amounts to: OutcomeSkipped for
// litter, OutcomeRejected for what cannot be taken, "" for a file to take.
func (f File) Outcome() schema.Outcome {
	switch f.Reason {
	case schema.ReasonNone:
		return ""
	case schema.ReasonLitter:
		return schema.OutcomeSkipped
	default:
		return schema.OutcomeRejected
	}
}

// Open opens the file for reading; the caller closes it. It never waits for a
// pipe, and follows a symbolic link only when it was given to Walk as a path.
// What cannot be taken is a *schema.Refusal with the outcome rejected and the
// reason ReasonNotRegular or ReasonUnreadable, whose cause has no path in it.
func (f File) Open() (*os.File, error) {
	flags := os.O_RDONLY | syscall.O_NONBLOCK
	if !f.given {
		flags |= syscall.O_NOFOLLOW
	}
	file, err := os.OpenFile(f.Path, flags, 0)
	if err != nil {
		return nil, refuseOpen(err)
	}
	if _, err := regular(file); err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

// WalkOptions change what Walk does. The zero value enters every directory
// that is not litter.
type WalkOptions struct {
	// Exclude names directories that are not entered and not reported, such
	// as the data directory when it lies inside of what is imported. They are
	// compared as files, not by name; one that does not exist has no effect.
	Exclude []string
}

// Walk calls fn for every entry of paths, in the given order: a path that is a
// directory stands for everything below it, at any depth, in lexical order;
// directories themselves are not reported unless they cannot be read. A given
// path is taken whatever its name, and followed when it is a symbolic link.
// Entries that cannot be taken are reported with a Reason, and the walk goes
// on. A file reached by two of the paths is reported twice.
//
// Walk stops early with the error of fn, as it is, or of ctx. It has no other
// errors.
func Walk(ctx context.Context, paths []string, opts WalkOptions, fn func(File) error) error {
	var excluded []fs.FileInfo
	for _, path := range opts.Exclude {
		if info, err := os.Stat(path); err == nil {
			excluded = append(excluded, info)
		}
	}
	for _, path := range paths {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("walk: %w", err)
		}
		if err := walkGiven(ctx, path, excluded, fn); err != nil {
			return err
		}
	}
	return nil
}

func walkGiven(ctx context.Context, path string, excluded []fs.FileInfo, fn func(File) error) error {
	info, err := os.Stat(path)
	if err != nil {
		return fn(File{Path: path, Reason: schema.ReasonUnreadable, Err: bare(err), given: true})
	}
	if !info.IsDir() {
		return fn(fileOf(path, info, true))
	}
	if isAny(info, excluded) {
		return nil
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return fn(File{Path: path, Reason: schema.ReasonUnreadable, Err: bare(err), given: true})
	}
	defer root.Close()
	t := tree{
		root: root,
		enter: func(_ string, info fs.FileInfo) bool {
			return !isAny(info, excluded)
		},
		visit: func(e entry) error {
			return fn(e.file(filepath.Join(path, e.rel)))
		},
	}
	return t.walk(ctx, ".")
}

func isAny(info fs.FileInfo, others []fs.FileInfo) bool {
	return slices.ContainsFunc(others, func(o fs.FileInfo) bool { return os.SameFile(info, o) })
}

// fileOf describes an entry that is not a directory.
func fileOf(path string, info fs.FileInfo, given bool) File {
	f := File{Path: path, ModTime: info.ModTime(), given: given}
	if info.Mode().IsRegular() {
		f.Size = info.Size()
	} else {
		f.Reason = schema.ReasonNotRegular
	}
	return f
}

// isLitter tells whether an entry of this name is left alone.
func isLitter(name string) bool {
	if strings.HasPrefix(name, ".") || strings.HasPrefix(name, "~") {
		return true
	}
	switch name = strings.ToLower(name); name {
	case "thumbs.db", "desktop.ini":
		return true
	default:
		return strings.HasSuffix(name, ".part") || strings.HasSuffix(name, ".tmp") ||
			strings.HasSuffix(name, ".crdownload")
	}
}

// regular returns what the system says of an open file, or a refusal when it
// is not a regular one.
func regular(file *os.File) (fs.FileInfo, error) {
	info, err := file.Stat()
	if err != nil {
		return nil, refuseOpen(err)
	}
	if !info.Mode().IsRegular() {
		return nil, schema.Reject(schema.ReasonNotRegular, "")
	}
	return info, nil
}

// refuseOpen turns the error of opening a file into a refusal. A symbolic link
// that was not to be followed comes as ELOOP (EMLINK on some systems), a
// socket as ENXIO.
func refuseOpen(err error) error {
	err = bare(err)
	if errors.Is(err, syscall.ELOOP) || errors.Is(err, syscall.EMLINK) || errors.Is(err, syscall.ENXIO) {
		return schema.Reject(schema.ReasonNotRegular, "")
	}
	return &schema.Refusal{
		Outcome: schema.OutcomeRejected, Reason: schema.ReasonUnreadable, Detail: err.Error(), Err: err,
	}
}

// bare returns the cause of a file system error without the path, which does
// not belong into logs.
func bare(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	var link *os.LinkError
	if errors.As(err, &link) {
		return link.Err
	}
	return err
}
