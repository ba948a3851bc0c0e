package folder

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"plodwatch/schema"
)

// The state file is text: a line that names the format, one line for each
// taken file, and a line with their number, without which it is not whole. A
// path is quoted as Go quotes strings, since it need not be UTF-8.
const stateHeader = "plodwatch folder state 1"

var errDamaged = errors.New("state file is damaged")

// readState reads what was taken. A file that does not exist holds nothing; a
// damaged one is an error that wraps errDamaged.
func readState(path string) (map[string]takenFile, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return map[string]takenFile{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("open state file: %w", err)
	}
	defer f.Close()
	taken := map[string]takenFile{}
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 64<<10) // four times the longest path, quoted byte by byte
	if !lines.Scan() || lines.Text() != stateHeader {
		return nil, damaged(lines.Err(), 1)
	}
	for n := 2; lines.Scan(); n++ {
		if count, ok := strings.CutPrefix(lines.Text(), "end "); ok {
			if count != strconv.Itoa(len(taken)) || lines.Scan() || lines.Err() != nil {
				return nil, damaged(lines.Err(), n)
			}
			return taken, nil
		}
		rel, done, err := parseTaken(lines.Text())
		if err != nil {
			return nil, damaged(err, n)
		}
		taken[rel] = done
	}
	return nil, damaged(lines.Err(), len(taken)+2)
}

func damaged(cause error, line int) error {
	if cause == nil {
		return fmt.Errorf("read line %d: %w", line, errDamaged)
	}
	return fmt.Errorf("read line %d: %w: %s", line, errDamaged, cause.Error())
}

// writeState replaces the state file atomically.
func writeState(path string, taken map[string]takenFile) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("make directory of state file: %w", err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".folder-state-*")
	if err != nil {
		return fmt.Errorf("write state file: %w", err)
	}
	w := bufio.NewWriter(f)
	formatState(w, taken)
	err = w.Flush()
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write state file: %w", err), os.Remove(f.Name()))
	}
	return nil
}

// formatState writes the lines. The caller finds write errors in Flush.
func formatState(w io.Writer, taken map[string]takenFile) {
	fmt.Fprintln(w, stateHeader)
	for _, rel := range slices.Sorted(maps.Keys(taken)) {
		d := taken[rel]
		fmt.Fprintf(w, "%d %d %d %s %s %d %q\n",
			d.state.size, d.state.mtimeNs, d.state.inode, d.athlete, d.export, d.seen, rel)
	}
	fmt.Fprintf(w, "end %d\n", len(taken))
}

func parseTaken(line string) (string, takenFile, error) {
	fields := strings.SplitN(line, " ", 7)
	if len(fields) != 7 {
		return "", takenFile{}, errors.New("too few fields")
	}
	size, err1 := strconv.ParseInt(fields[0], 10, 64)
	mtime, err2 := strconv.ParseInt(fields[1], 10, 64)
	inode, err3 := strconv.ParseUint(fields[2], 10, 64)
	athlete, err4 := schema.ParseAthleteID(fields[3])
	export, err5 := schema.ParseExportID(fields[4])
	seen, err6 := strconv.ParseInt(fields[5], 10, 32)
	rel, err7 := strconv.Unquote(fields[6])
	if err := errors.Join(err1, err2, err3, err4, err5, err6, err7); err != nil {
		return "", takenFile{}, errors.New("field out of its form") // the parts would quote a file name
	}
	return rel, takenFile{
		state:   fileState{size: size, mtimeNs: mtime, inode: inode},
		athlete: athlete, export: export, seen: schema.Day(seen),
	}, nil
}
