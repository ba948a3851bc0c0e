// Package sqldoor lets outside tools ask the tables in SQL over ClickHouse's
// HTTP protocol: it decides who may ask and how long a client may take, counts,
// and hands everybody else to the engine's own read-only handler.
//
// Who may ask: while there are no tokens, this machine; as soon as there is one,
// whoever brings a token of role admin, from here as from elsewhere. A token for
// one athlete is refused, for the engine in this process cannot hide the rows of
// the others (decisions.md). Web pages of other sites are always refused: a
// browser on this machine would ask for them.
package sqldoor
