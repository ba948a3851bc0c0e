package fitfile

import (
	"bytes"
	"strings"
	"unicode"
)

// Global message numbers of the FIT profile that the walk looks into.
const (
	mesgFileID           = 0
	mesgUserProfile      = 3
	mesgZonesTarget      = 7
	mesgHRZone           = 8
	mesgSport            = 12
	mesgSession          = 18
	mesgLap              = 19
	mesgRecord           = 20
	mesgEvent            = 21
	mesgDeviceInfo       = 23
	mesgActivity         = 34
	mesgHR               = 132
	mesgTimeCorrelation  = 162
	mesgFieldDescription = 206
	mesgTimeInZone       = 216
)

const (
	fieldTimestamp    = 253
	fieldMessageIndex = 254
)

// field is one field of a definition, with its place in the data message.
type field struct {
	num, size, base uint8
	off             int32
}

// devField is one developer field of a definition.
type devField struct {
	num, size, index uint8
	off              int32
}

// definition is what a definition message says about the data messages of its
// local number. It is filled anew for every definition message; its slices
// keep their memory.
type definition struct {
	set    bool
	big    bool // big-endian
	global uint16
	size   int // bytes of a data message after its header byte
	timeAt int // offset of a four-byte timestamp, -1 = none
	fields []field
	dev    []devField

	// For records only.
	ops     []op
	wait    []place
	inOrder bool // records may not wait: a field adds up over them
}

// message is one data message.
type message struct {
	def  *definition
	body []byte
	at   int // byte position in the file
}

// find returns the field with this number, nil when the message lacks it.
func (d *definition) find(num uint8) *field {
	for i := range d.fields {
		if d.fields[i].num == num {
			return &d.fields[i]
		}
	}
	return nil
}

// value returns the first value of a field. ok is false when the field is
// absent, invalid, or of a size that is no multiple of its type.
func (m message) value(num uint8) (v int64, ok bool) {
	f := m.def.find(num)
	if f == nil {
		return 0, false
	}
	return m.element(f, 0)
}

// uint8 returns a field that must fit eight bits and not be zero; 0 otherwise.
func (m message) uint8(num uint8) uint8 {
	v, ok := m.value(num)
	if !ok || v < 0 || v >= invalid8 {
		return 0
	}
	return uint8(v)
}

// time returns a field as FIT seconds.
func (m message) time(num uint8) (uint32, bool) {
	v, ok := m.value(num)
	if !ok || v < 0 || v >= invalid32 {
		return 0, false
	}
	return uint32(v), true
}

// count returns the number of values that a field holds, 0 when its size is no
// multiple of its type.
func (f *field) count() int {
	size := baseSize(f.base)
	if size == 0 || int(f.size)%size != 0 {
		return 0
	}
	return int(f.size) / size
}

// element returns the i-th value of a field.
func (m message) element(f *field, i int) (v int64, ok bool) {
	if i >= f.count() {
		return 0, false
	}
	return loadValue(m.body[int(f.off)+i*baseSize(f.base):], f.base, m.def.big)
}

// bytes returns the bytes of a field as they stand.
func (m message) bytes(f *field) []byte {
	return m.body[f.off : int(f.off)+int(f.size)]
}

// text returns a string field up to its terminator, valid UTF-8 without control
// characters: it ends up on terminals.
func (m message) text(num uint8) string {
	f := m.def.find(num)
	if f == nil || f.base&baseMask != baseString {
		return ""
	}
	b := m.bytes(f)
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(string(b), ""))
}
