// Package chdb runs the ClickHouse engine inside this process, without cgo and
// without a server.
//
// The engine is libchdb, loaded when [Open] is called and not before, so that a
// binary which imports this package also starts on a machine without the
// library. [Install] fetches the library, [Find] tells where it is.
//
// An [Engine] speaks ClickHouse's HTTP protocol: [Engine.RoundTripper] puts it
// beneath an unchanged clickhouse-go client,
//
//	clickhouse.Open(&clickhouse.Options{
//		Protocol: clickhouse.HTTP,
//		Addr:     []string{"inprocess:8123"},
//		TransportFunc: func(*http.Transport) (http.RoundTripper, error) {
//			return engine.RoundTripper(), nil
//		},
//	})
//
// [Engine.Handler] gives the same to an HTTP server, with every right, and
// [Engine.ReadOnlyHandler] is the gate for outside tools, which may only read.
//
// The files: library.go is the C interface, conn.go a connection and what can be
// run on it, engine.go its life, handler.go and its neighbours the protocol,
// gate.go what outsiders may do. decisions.md says why it is built like this.
package chdb
