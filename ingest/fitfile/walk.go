package fitfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"plodwatch/schema"
)

// Budgets of one file. What a hostile file can make us hold is bounded by
// them: some 200 MB at the worst, next to nothing for the rest.
const (
	// MaxFileBytes is the largest file that is decoded; larger ones are
	// rejected.
	MaxFileBytes = 64 << 20

	maxSections     = 256
	maxMessages     = 16 << 20 // data messages of all kinds
	maxRows         = 4 << 20  // records with a time: 48 days at 1 Hz
	maxSessions     = 256
	maxLaps         = 10_000
	maxTimerEvents  = 100_000
	maxBeats        = 4 << 20 // heart rates of hr messages, filled gaps with them
	maxZoneNotes    = maxLaps + maxSessions
	maxDescriptions = 1024
)

// Header bits of a message.
const (
	headerCompressed = 0x80
	headerDefinition = 0x40
	headerDeveloper  = 0x20
)

// section is one FIT file inside the file: most have one.
type section struct {
	at           int    // byte position of its header
	rows         [2]int // its rows in the columns
	laps         int    // lap messages so far
	fileType     uint8  // of file_id
	hasFileID    bool
	created      uint32 // file_id.time_created, 0 = not given
	firstTime    uint32 // of the first timed record or timer event
	sport        uint8  // of the sport message
	subSport     uint8
	correlation  uint32 // what timestamp_correlation adds to its clock, 0 = none
	sessionStart uint32 // first session's start, 0 = none
	shift        uint32 // what makes its relative clock absolute, 0 = none
}

// timerEvent is a start or stop of the timer.
type timerEvent struct {
	section int
	ts      uint32
	stop    bool
}

// devKey names a developer field.
type devKey struct{ index, num uint8 }

// walk is one pass over a file.
type walk struct {
	data []byte
	pos  int // of the message at hand
	end  int // of the section's data
	stop bool

	defs  [16]definition
	ts    uint32 // last timestamp seen, for compressed headers
	hasTS bool

	cols     columns
	raw      schema.RawCounts
	untimed  int // records without a time
	dropped  int // single values left out
	messages int
	dist16   uint32 // accumulated compressed distance
	batch    [batchRows]uint32

	sections []section
	timer    []timerEvent
	beats    beats
	facts    facts
	notes    notes
	canon    canonical
	devHR    map[devKey]uint8
	flags    []schema.Flag
	damage   error // the first thing that could not be read
}

func (w *walk) flag(f schema.Flag) { w.flags = schema.AddFlag(w.flags, f) }

// broken notes damage of the file.
func (w *walk) broken(f schema.Flag, format string, args ...any) {
	w.flag(f)
	if w.damage == nil {
		w.damage = fmt.Errorf(format, args...)
	}
}

// section returns the section at hand.
func (w *walk) section() *section { return &w.sections[len(w.sections)-1] }

// Room made beforehand, enough for most files.
const (
	ordinaryFields = 32 // of a definition
	ordinaryRecord = 24 // bytes
	ordinaryEvents = 64
	ordinaryLaps   = 32
	ordinaryTimes  = 8 * ordinaryLaps // zone times
)

// run walks over all sections. Its error says that there is not even one.
func (w *walk) run() error {
	room := make([]field, len(w.defs)*ordinaryFields)
	for i := range w.defs {
		w.defs[i].fields, room = room[:0:ordinaryFields], room[ordinaryFields:]
	}
	w.timer = make([]timerEvent, 0, ordinaryEvents)
	w.notes.laps = make([]lapNote, 0, ordinaryLaps)
	w.notes.times = make([]int64, 0, ordinaryTimes)
	pos := 0
	for pos < len(w.data) && !w.stop {
		h, err := parseHeader(w.data, pos)
		if err != nil {
			if pos == 0 {
				return err
			}
			if pos = w.resync(pos, err); pos < 0 {
				break
			}
			continue
		}
		if len(w.sections) == maxSections {
			w.flag(schema.FlagBudget)
			break
		}
		pos = w.walkSection(pos, h)
	}
	w.cols.cut()
	if w.cols.n > 0 {
		w.raw.FirstUnix = slices.Min(w.cols.TimeMs) / 1000
		w.raw.LastUnix = slices.Max(w.cols.TimeMs) / 1000
	}
	if len(w.sections) > 1 {
		w.flag(schema.FlagChained)
	}
	return nil
}

// resync looks for another section after bytes that are none. Zeros at the
// end are padding.
func (w *walk) resync(pos int, cause error) int {
	rest := w.data[pos:]
	if len(bytes.Trim(rest, "\x00")) == 0 {
		return -1
	}
	w.broken(schema.FlagCorrupt, "%w", cause)
	const sizeByte = 8 // bytes from the header's start to ".FIT"
	for from := sizeByte + 1; from < len(rest); from++ {
		i := bytes.Index(rest[from:], []byte(".FIT"))
		if i < 0 {
			break
		}
		from += i
		if size := rest[from-sizeByte]; size == 12 || size == 14 {
			return pos + from - sizeByte
		}
	}
	return -1
}

// checksumBytes follow the data of a section.
const checksumBytes = 2

// header is what a section's header says.
type header struct {
	size     int
	dataSize int
	crcOK    bool
}

// parseHeader reads the section header at pos.
func parseHeader(data []byte, pos int) (header, error) {
	b := data[pos:]
	if len(b) < 12 {
		return header{}, fmt.Errorf("read fit header at byte %d: only %d bytes left", pos, len(b))
	}
	h := header{size: int(b[0]), dataSize: int(binary.LittleEndian.Uint32(b[4:])), crcOK: true}
	if string(b[8:12]) != ".FIT" {
		return header{}, fmt.Errorf("read fit header at byte %d: no .FIT signature", pos)
	}
	if h.size < 12 {
		return header{}, fmt.Errorf("read fit header at byte %d: header size %d", pos, h.size)
	}
	if h.size >= 14 && len(b) >= 14 {
		if crc := binary.LittleEndian.Uint16(b[12:]); crc != 0 {
			h.crcOK = crc == checksum(b[:12])
		}
	}
	return h, nil
}

// walkSection walks over the section at pos and returns where the next one
// would start.
func (w *walk) walkSection(pos int, h header) int {
	w.sections = append(w.sections, section{at: pos, fileType: invalid8, sport: invalid8, subSport: invalid8})
	s := w.section()
	s.rows[0] = w.cols.n
	start := min(pos+h.size, len(w.data))
	end, next, whole := w.bounds(pos, start, h)
	if !h.crcOK || whole && checksum(w.data[pos:next]) != 0 {
		w.broken(schema.FlagCRCBad, "section at byte %d: checksum does not match", pos)
	}
	w.end = end
	w.beginSection()
	for at := start; at < end && !w.stop; {
		n, err := w.message(at)
		if err != nil {
			if errors.Is(err, errShort) || !whole && end-at <= checksumBytes {
				w.broken(schema.FlagTruncated, "read message at byte %d: %w", at, err)
				break
			}
			w.broken(schema.FlagCorrupt, "read message at byte %d: %w", at, err)
			if !whole {
				next = at
			}
			break
		}
		at += n
	}
	for i := range w.defs {
		w.flush(&w.defs[i])
	}
	w.section().rows[1] = w.cols.n
	return next
}

// bounds finds the end of a section's data and the start of the next section;
// whole says that a checksum stands between the two.
func (w *walk) bounds(pos, start int, h header) (end, next int, whole bool) {
	size := len(w.data)
	end = start + h.dataSize
	switch {
	case h.dataSize == 0 && size-start > checksumBytes:
		w.broken(schema.FlagUnfinalised, "section at byte %d: no data size", pos)
		w.flag(schema.FlagTruncated)
	case end+checksumBytes > size:
		w.broken(schema.FlagTruncated, "section at byte %d: %d bytes of %d", pos, size-start, h.dataSize+checksumBytes)
	default:
		return end, end + checksumBytes, true
	}
	if h.dataSize > 0 && end <= size {
		return end, size, false // only the checksum is incomplete
	}
	if size-start > checksumBytes && checksum(w.data[pos:]) == 0 {
		return size - checksumBytes, size, false // only the header is wrong
	}
	return size, size, false
}

// beginSection forgets what the section before has defined.
func (w *walk) beginSection() {
	for i := range w.defs {
		w.defs[i].set = false
	}
	w.ts, w.hasTS = 0, false
	w.dist16 = 0
	w.beats.begin()
	clear(w.devHR)
}
