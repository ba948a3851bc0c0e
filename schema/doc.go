// Package schema holds the words that every room of plodwatch shares: the
// identities, the sample columns, sessions, recordings, settings and outcomes.
// It imports the standard library only, and everything else imports it.
//
// Conventions: instants are Unix milliseconds (UTC) in fields whose name ends
// in Ms; durations are milliseconds in fields that end in Ms as well; heart
// rates are whole beats per minute; integer sample columns are scaled as their
// doc comment says.
package schema
