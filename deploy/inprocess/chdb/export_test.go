package chdb

import "context"

// PinFor reports whether a platform can be installed on.
func PinFor(goos, goarch string) error {
	_, err := pinFor(goos, goarch)
	return err
}

// Verify compares a tarball with a digest.
func Verify(tarball, digest string) error { return verify(tarball, pin{pkg: "test", sha512: digest}) }

// Unpack takes the library out of a tarball.
func Unpack(ctx context.Context, tarball, target string) error { return unpack(ctx, tarball, target) }

// Statement is what is read from a text: its verb, its format, and the head and
// data of an INSERT.
func Statement(sql string) (verb, format, head, data string) {
	s := parseStatement(sql)
	if s.insert {
		return s.verb, s.format, s.head, sql[s.dataFrom:]
	}
	return s.verb, s.format, "", ""
}

// LiftSettings is a text without the settings at its end, and these.
func LiftSettings(sql string) (string, map[string]string) { return liftSettings(sql) }

// Bare is a text without its FORMAT clause and semicolon.
func Bare(sql string) string {
	s := parseStatement(sql)
	return s.bare()
}

// Direct runs statements on one connection through the C interface, with
// nothing around it, until done is called.
func Direct(e *Engine) (run func(sql string) error, done func()) {
	c, err := e.pool.get(session{database: e.cfg.Database})
	if err != nil {
		return func(string) error { return err }, func() {}
	}
	return func(sql string) error {
		_, err := c.value(sql, nil)
		return err
	}, c.close
}
