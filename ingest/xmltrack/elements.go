package xmltrack

import "bytes"

// Elements are the open elements of a document, outermost first. The zero
// value has none.
type Elements struct {
	names  []byte // local names, one after the other
	starts []int  // where in names each of them begins
}

// Depth is the number of open elements.
func (e *Elements) Depth() int { return len(e.starts) }

// Open adds an element and returns its depth, 1 for the outermost.
func (e *Elements) Open(name []byte) int {
	e.starts = append(e.starts, len(e.names))
	e.names = append(e.names, name...)
	return len(e.starts)
}

// Find returns the depth of the innermost open element of this name, 0 when
// there is none.
func (e *Elements) Find(name []byte) int {
	to := len(e.names)
	for i := len(e.starts) - 1; i >= 0; i-- {
		from := e.starts[i]
		if bytes.Equal(e.names[from:to], name) {
			return i + 1
		}
		to = from
	}
	return 0
}

// Close removes the innermost element; there must be one.
func (e *Elements) Close() {
	last := len(e.starts) - 1
	e.names = e.names[:e.starts[last]]
	e.starts = e.starts[:last]
}
