// Package pull takes signed messages that say where files lie (webhooks in the
// form of Standard Webhooks, Garmin's among them), and downloads the files.
//
// The Hook checks a message and queues its downloads before it answers. The
// Puller takes them from the queue and hands what comes to the intake. Where
// files may come from is said by Rules: named hosts only, and no address
// inside the own network, which is checked on the address that is dialed.
//
// Addresses of files may hold secrets: they are in the queue and nowhere else,
// least of all in a log.
package pull

import (
	"errors"
	"fmt"
	"maps"
	"slices"
)

// missing returns an error that names the keys whose value is true.
func missing(absent map[string]bool) error {
	var faults []error
	for _, name := range slices.Sorted(maps.Keys(absent)) {
		if absent[name] {
			faults = append(faults, fmt.Errorf("%s: is missing", name))
		}
	}
	return errors.Join(faults...)
}
