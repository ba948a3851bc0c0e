package chdb

import (
	"fmt"
	"runtime"
	"strings"
	"unsafe"
)

// library is libchdb's C interface. Handles are opaque; connect returns a
// pointer to the connection, which closeConn takes, while all else takes what
// it points to. Texts go in as pointer and length.
type library struct {
	version                  func() string
	connect                  func(argc int32, argv unsafe.Pointer) unsafe.Pointer
	closeConn                func(conn unsafe.Pointer)
	setSignalHandlersEnabled func(enabled int32)
	classify                 func(conn unsafe.Pointer, sql unsafe.Pointer, n uintptr, db unsafe.Pointer, dbn uintptr, out unsafe.Pointer) int32

	query      func(conn, q unsafe.Pointer, qn uintptr, f unsafe.Pointer, fn uintptr, names, nameLens, values, valueLens unsafe.Pointer, n uintptr) unsafe.Pointer
	stream     func(conn, q unsafe.Pointer, qn uintptr, f unsafe.Pointer, fn uintptr, names, nameLens, values, valueLens unsafe.Pointer, n uintptr) unsafe.Pointer
	fetch      func(conn, stream unsafe.Pointer) unsafe.Pointer
	cancel     func(conn, stream unsafe.Pointer)
	destroy    func(result unsafe.Pointer)
	buffer     func(result unsafe.Pointer) unsafe.Pointer
	length     func(result unsafe.Pointer) uintptr
	resultErr  func(result unsafe.Pointer) string
	elapsed    func(result unsafe.Pointer) float64
	rowsRead   func(result unsafe.Pointer) uint64
	bytesRead  func(result unsafe.Pointer) uint64
	storeRows  func(result unsafe.Pointer) uint64
	storeBytes func(result unsafe.Pointer) uint64
	rowsOut    func(result unsafe.Pointer) uint64
	bytesOut   func(result unsafe.Pointer) uint64

	insert        func(conn, q unsafe.Pointer, qn uintptr, f unsafe.Pointer, fn uintptr, names, nameLens, values, valueLens unsafe.Pointer, n uintptr) unsafe.Pointer
	insertAppend  func(stream, data unsafe.Pointer, n uintptr) int32
	insertDone    func(stream unsafe.Pointer) unsafe.Pointer
	insertCancel  func(stream unsafe.Pointer)
	insertErr     func(stream unsafe.Pointer) string
	insertDestroy func(stream unsafe.Pointer)
}

// loadLibrary opens libchdb and binds every symbol; what is missing is an
// error that names the way to the right library.
func loadLibrary(path string) (*library, error) {
	handle, err := dlopen(path)
	if err != nil {
		return nil, fmt.Errorf("load libchdb: %w; %s", err, howToInstall)
	}
	l := &library{}
	for _, bind := range []struct {
		fn   any
		name string
	}{
		{&l.version, "chdb_version"},
		{&l.connect, "chdb_connect"},
		{&l.closeConn, "chdb_close_conn"},
		{&l.setSignalHandlersEnabled, "chdb_set_signal_handlers_enabled"},
		{&l.classify, "chdb_classify_query_n"},
		{&l.query, "chdb_query_with_params_n"},
		{&l.stream, "chdb_stream_query_with_params_n"},
		{&l.fetch, "chdb_stream_fetch_result"},
		{&l.cancel, "chdb_stream_cancel_query"},
		{&l.destroy, "chdb_destroy_query_result"},
		{&l.buffer, "chdb_result_buffer"},
		{&l.length, "chdb_result_length"},
		{&l.resultErr, "chdb_result_error"},
		{&l.elapsed, "chdb_result_elapsed"},
		{&l.rowsRead, "chdb_result_rows_read"},
		{&l.bytesRead, "chdb_result_bytes_read"},
		{&l.storeRows, "chdb_result_storage_rows_read"},
		{&l.storeBytes, "chdb_result_storage_bytes_read"},
		{&l.rowsOut, "chdb_result_rows_written"},
		{&l.bytesOut, "chdb_result_bytes_written"},
		{&l.insert, "chdb_stream_insert_with_params_n"},
		{&l.insertAppend, "chdb_stream_append"},
		{&l.insertDone, "chdb_stream_done"},
		{&l.insertCancel, "chdb_stream_cancel_insert"},
		{&l.insertErr, "chdb_stream_insert_error"},
		{&l.insertDestroy, "chdb_destroy_insert_stream"},
	} {
		symbol, err := dlsym(handle, bind.name)
		if err != nil {
			return nil, fmt.Errorf("load libchdb: it has no %s, so it is not version 26.7: %w; %s", bind.name, err, howToInstall)
		}
		register(bind.fn, symbol)
	}
	if v := l.version(); !strings.HasPrefix(v, compatible) {
		return nil, fmt.Errorf("load libchdb: it is version %s, not 26.7; %s", v, howToInstall)
	}
	return l, nil
}

// Probe finds libchdb as Open does, loads it and returns its path and version.
// It starts no engine. The library stays loaded: it cannot be unloaded. Errors
// are those of Find, and that what was found is no libchdb 26.7; the path is
// returned with the latter, too.
func Probe() (path, version string, err error) {
	if path, err = Find(); err != nil {
		return "", "", err
	}
	l, err := loadLibrary(path)
	if err != nil {
		return path, "", err
	}
	return path, l.version(), nil
}

// text is a string handed to C: a pointer and a length.
func text(p *runtime.Pinner, s string) (unsafe.Pointer, uintptr) {
	if s == "" {
		return nil, 0
	}
	d := unsafe.StringData(s)
	p.Pin(d)
	return unsafe.Pointer(d), uintptr(len(s))
}

// param is a query parameter; the value is escaped as in TSV, which is how
// param_x carries it in a URL.
type param struct{ name, value string }

// cParams is the four arrays that carry parameters into C.
type cParams struct {
	names, values       []unsafe.Pointer
	nameLens, valueLens []uintptr
	pNames, pNameLens   unsafe.Pointer
	pValues, pValueLens unsafe.Pointer
}

func bindParams(p *runtime.Pinner, params []param) *cParams {
	c := &cParams{}
	if len(params) == 0 {
		return c
	}
	for _, one := range params {
		// An empty text still needs an address: add a byte that the length leaves out.
		name, _ := text(p, one.name+"\x00")
		value, _ := text(p, one.value+"\x00")
		c.names, c.nameLens = append(c.names, name), append(c.nameLens, uintptr(len(one.name)))
		c.values, c.valueLens = append(c.values, value), append(c.valueLens, uintptr(len(one.value)))
	}
	p.Pin(&c.names[0])
	p.Pin(&c.nameLens[0])
	p.Pin(&c.values[0])
	p.Pin(&c.valueLens[0])
	c.pNames, c.pNameLens = unsafe.Pointer(&c.names[0]), unsafe.Pointer(&c.nameLens[0])
	c.pValues, c.pValueLens = unsafe.Pointer(&c.values[0]), unsafe.Pointer(&c.valueLens[0])
	return c
}
