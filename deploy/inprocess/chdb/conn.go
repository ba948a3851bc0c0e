package chdb

import (
	"errors"
	"io"
	"runtime"
	"strings"
	"time"
	"unsafe"
)

// conn is one connection to the engine. It runs one statement at a time. After
// an error, a cancelled insert or an abandoned stream it must be closed and not
// used again: it would keep the old query alive, and a DROP ... SYNC behind it
// would wait for ever.
type conn struct {
	lib      *library
	outer    unsafe.Pointer // what closeConn takes
	inner    unsafe.Pointer // what everything else takes
	key      string         // the database and settings it was made with
	database string
	comment  string // its log_comment, by which KILL QUERY finds it
}

// stats is what the engine counted for one statement.
type stats struct {
	rowsRead, bytesRead       uint64
	rowsWritten, bytesWritten uint64
	elapsed                   time.Duration
}

func (l *library) dial(args []string) (*conn, error) {
	var pin runtime.Pinner
	defer pin.Unpin()
	argv := make([]unsafe.Pointer, 0, len(args)+1)
	for _, a := range args {
		p, _ := text(&pin, a+"\x00")
		argv = append(argv, p)
	}
	argv = append(argv, nil)
	pin.Pin(&argv[0])
	outer := l.connect(int32(len(args)), unsafe.Pointer(&argv[0]))
	if outer == nil {
		return nil, errors.New("connect to the engine: it refused, and says why only on standard error")
	}
	inner := *(*unsafe.Pointer)(outer)
	if inner == nil {
		return nil, errors.New("connect to the engine: it gave no connection")
	}
	return &conn{lib: l, outer: outer, inner: inner}, nil
}

func (c *conn) close() {
	if c.outer != nil {
		c.lib.closeConn(c.outer)
		c.outer, c.inner = nil, nil
	}
}

// result is what one C call gave; close frees it.
type result struct {
	lib *library
	ptr unsafe.Pointer
}

func (l *library) result(ptr unsafe.Pointer) (result, error) {
	if ptr == nil {
		return result{}, engineException("the engine gave no result")
	}
	r := result{l, ptr}
	if msg := l.resultErr(ptr); msg != "" {
		r.close()
		return result{}, engineException(strings.TrimSpace(msg))
	}
	return r, nil
}

func (r result) close() { r.lib.destroy(r.ptr) }

// bytes is the engine's own memory: it is gone after close.
func (r result) bytes() []byte {
	n := r.lib.length(r.ptr)
	if n == 0 {
		return nil
	}
	p := r.lib.buffer(r.ptr)
	if p == nil {
		return nil
	}
	return unsafe.Slice((*byte)(p), n)
}

func (r result) stats() stats {
	l := r.lib
	return stats{
		rowsRead: l.storeRows(r.ptr), bytesRead: l.storeBytes(r.ptr),
		rowsWritten: l.rowsOut(r.ptr), bytesWritten: l.bytesOut(r.ptr),
		elapsed: time.Duration(l.elapsed(r.ptr) * float64(time.Second)),
	}
}

// query runs a statement and hands its whole output to use, whose argument is
// valid only during the call.
func (c *conn) query(sql, format string, params []param, use func([]byte, stats) error) error {
	ptr := c.call(c.lib.query, sql, format, params)
	r, err := c.lib.result(ptr)
	if err != nil {
		return err
	}
	defer r.close()
	if use == nil {
		return nil
	}
	return use(r.bytes(), r.stats())
}

// exec runs a statement and throws its output away.
func (c *conn) exec(sql string) error { return c.query(sql, "Null", nil, nil) }

// value runs a statement and returns its output as text.
func (c *conn) value(sql string, params []param) (string, error) {
	var out string
	err := c.query(sql, "TSVRaw", params, func(b []byte, _ stats) error {
		out = string(b)
		return nil
	})
	return out, err
}

// streamQuery runs a SELECT and hands its output to use piece by piece. After
// an error the connection must be closed.
func (c *conn) streamQuery(sql, format string, params []param, use func([]byte) error) error {
	stream, err := c.lib.result(c.call(c.lib.stream, sql, format, params))
	if err != nil {
		return err
	}
	defer stream.close()
	for {
		r, err := c.lib.result(c.lib.fetch(c.inner, stream.ptr))
		if err != nil {
			return err
		}
		b := r.bytes()
		if len(b) == 0 {
			r.close()
			return nil
		}
		err = use(b)
		r.close()
		if err != nil {
			c.lib.cancel(c.inner, stream.ptr)
			return err
		}
	}
}

// insertChunk is how much of a body is handed to the engine at once.
const insertChunk = 1 << 20

// insert streams a body in some format into "INSERT INTO ...", which carries no
// FORMAT of its own. Nothing is inserted when the body ends in an error.
func (c *conn) insert(sql, format string, params []param, body io.Reader) (stats, error) {
	stream := c.call(c.lib.insert, sql, format, params)
	if stream == nil {
		return stats{}, engineException("the engine gave no insert stream")
	}
	defer c.lib.insertDestroy(stream)
	failed := func() error {
		if msg := c.lib.insertErr(stream); msg != "" {
			return engineException(strings.TrimSpace(msg))
		}
		return nil
	}
	if err := failed(); err != nil {
		return stats{}, err
	}
	buf := make([]byte, insertChunk)
	for more := true; more; {
		n, err := fill(body, buf)
		if err != nil && !errors.Is(err, io.EOF) {
			c.lib.insertCancel(stream)
			return stats{}, err
		}
		more = err == nil
		if n > 0 && c.append(stream, buf[:n]) != 0 {
			if err = failed(); err == nil {
				err = engineException("the engine took no more data")
			}
			return stats{}, err
		}
	}
	r, err := c.lib.result(c.lib.insertDone(stream))
	if err != nil {
		return stats{}, err
	}
	defer r.close()
	return r.stats(), nil
}

// fill reads until buf is full or the body ends. Unlike io.ReadFull it tells a
// body that ended (io.EOF) from one that was cut (any other error).
func fill(r io.Reader, buf []byte) (int, error) {
	n := 0
	for n < len(buf) {
		m, err := r.Read(buf[n:])
		n += m
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

func (c *conn) append(stream unsafe.Pointer, b []byte) int32 {
	var pin runtime.Pinner
	defer pin.Unpin()
	pin.Pin(&b[0])
	return c.lib.insertAppend(stream, unsafe.Pointer(&b[0]), uintptr(len(b)))
}

// call runs one of the three functions that take a text, a format and
// parameters.
func (c *conn) call(fn func(conn, q unsafe.Pointer, qn uintptr, f unsafe.Pointer, n uintptr, names, nameLens, values, valueLens unsafe.Pointer, count uintptr) unsafe.Pointer,
	sql, format string, params []param,
) unsafe.Pointer {
	var pin runtime.Pinner
	defer pin.Unpin()
	q, qn := text(&pin, sql)
	f, n := text(&pin, format)
	p := bindParams(&pin, params)
	return fn(c.inner, q, qn, f, n, p.pNames, p.pNameLens, p.pValues, p.pValueLens, uintptr(len(params)))
}

// statementClass is what the engine's own parser says about a text.
type statementClass struct {
	statements uint32
	readOnly   bool
}

// classify asks the engine's parser how many statements a text has and whether
// they only read.
func (c *conn) classify(sql, database string) (statementClass, error) {
	var pin runtime.Pinner
	defer pin.Unpin()
	q, qn := text(&pin, sql)
	db, dbn := text(&pin, database)
	out := &struct{ structSize, statements, flags, class uint32 }{structSize: 16}
	pin.Pin(out)
	if rc := c.lib.classify(c.inner, q, qn, db, dbn, unsafe.Pointer(out)); rc != 0 {
		return statementClass{}, refuse(codeSyntax, "SYNTAX_ERROR", "the statement cannot be parsed")
	}
	return statementClass{statements: out.statements, readOnly: out.class == 0}, nil
}
