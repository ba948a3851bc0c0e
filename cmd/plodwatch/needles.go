package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// needles are byte strings that are searched for all at once.
type needles struct {
	byHead map[uint64][]needle // by their first eight bytes
	filter [1 << 16]bool       // which hashes of eight bytes any of them has
	most   int                 // length of the longest
}

type needle struct {
	text []byte
	what string
}

// headBytes is the least length of a needle.
const headBytes = 8

// add adds a byte string and what it is. One of less than eight bytes says
// nothing when it is found, and is left out.
func (n *needles) add(what string, text []byte) {
	if len(text) < headBytes {
		return
	}
	if n.byHead == nil {
		n.byHead = map[uint64][]needle{}
	}
	head := binary.LittleEndian.Uint64(text)
	n.byHead[head] = append(n.byHead[head], needle{text: text, what: what})
	n.filter[slot(head)] = true
	n.most = max(n.most, len(text))
}

// slot is a hash of eight bytes.
func slot(head uint64) uint16 { return uint16((head * 0x9E3779B97F4A7C15) >> 48) } //nolint:gosec // 16 bits are left

// in calls found with what lies in data.
func (n *needles) in(data []byte, found func(what string)) {
	for i := 0; i+headBytes <= len(data); i++ {
		head := binary.LittleEndian.Uint64(data[i:])
		if !n.filter[slot(head)] {
			continue
		}
		for _, one := range n.byHead[head] {
			if bytes.HasPrefix(data[i:], one.text) {
				found(one.what)
			}
		}
	}
}

// searchBytes is how much of a file is searched at once.
const searchBytes = 1 << 20

// inFile searches a file.
func (n *needles) inFile(path string, found func(what string)) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	buf := make([]byte, 0, searchBytes+n.most)
	for {
		k, err := io.ReadFull(file, buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+k]
		n.in(buf, found)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil
		}
		if err != nil {
			return err
		}
		keep := min(len(buf), max(n.most-1, 0)) // what a needle that goes on may begin with
		buf = append(buf[:0], buf[len(buf)-keep:]...)
	}
}

// below searches names and contents of all files below dir, as far as they
// stay there, and returns what each holds, by path in dir.
func (n *needles) below(ctx context.Context, dir string) (map[string]string, error) {
	held := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		found := func(what string) { held[rel] = what }
		n.in([]byte(rel), found)
		if !entry.Type().IsRegular() {
			return nil
		}
		if err := n.inFile(path, found); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("search %s: %w", dir, err)
	}
	return held, nil
}
