package store

import (
	"errors"
	"fmt"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/column"

	"plodwatch/analyze"
)

// Error codes of ClickHouse (src/Common/ErrorCodes.cpp).
const codeUnknownDatabase = 81

// notNowCodes lists the server's errors that lie in its state or its setup,
// not in the rows: the same batch succeeds once that is mended.
//
//nolint:gochecknoglobals // a closed set, never changed
var notNowCodes = map[int32]string{
	33:                  "cannot read all data",
	60:                  "unknown table",
	74:                  "cannot read from a file",
	75:                  "cannot write to a file",
	76:                  "cannot open a file",
	codeUnknownDatabase: "unknown database",
	159:                 "timeout exceeded",
	160:                 "too slow",
	164:                 "readonly",
	173:                 "cannot allocate memory",
	192:                 "unknown user",
	193:                 "wrong password",
	198:                 "dns error",
	202:                 "too many simultaneous queries",
	203:                 "no free connection",
	209:                 "socket timeout",
	210:                 "network error",
	225:                 "no keeper",
	236:                 "aborted",
	241:                 "memory limit exceeded",
	242:                 "table is read only",
	243:                 "not enough space",
	244:                 "unexpected keeper error",
	252:                 "too many parts",
	279:                 "all connection tries failed",
	285:                 "too few live replicas",
	286:                 "unsatisfied quorum",
	305:                 "cannot load table",
	319:                 "unknown status of insert",
	335:                 "too many tables",
	365:                 "too many rows or bytes for temporary data",
	373:                 "session is locked",
	394:                 "query was cancelled",
	425:                 "system error",
	439:                 "cannot schedule task",
	473:                 "deadlock avoided",
	497:                 "access denied",
	499:                 "object storage error",
	516:                 "authentication failed",
	999:                 "keeper exception",
	1000:                "posix or network exception",
	1001:                "standard exception",
}

func hasCode(err error, code int32) bool {
	var ex *clickhouse.Exception
	return errors.As(err, &ex) && ex.Code == code
}

// classify wraps err, if any, as the analyzer's ErrNotNow or ErrPermanent.
// What the server says about the rows is permanent, and what the driver says
// about their types. Everything else is a matter of state: connections,
// timeouts, memory, disk, rights.
func classify(doing string, err error) error {
	if err == nil {
		return nil
	}
	class := analyze.ErrNotNow
	var (
		ex          *clickhouse.Exception
		columnErr   *column.Error
		conversion  *column.ColumnConverterError
		unsupported *column.UnsupportedColumnTypeError
	)
	switch {
	case errors.As(err, &ex):
		if _, known := notNowCodes[ex.Code]; !known {
			class = analyze.ErrPermanent
		}
	case errors.As(err, &columnErr), errors.As(err, &conversion), errors.As(err, &unsupported):
		class = analyze.ErrPermanent
	}
	return fmt.Errorf("%s: %w: %w", doing, class, err)
}
