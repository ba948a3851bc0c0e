package ingest

import (
	"path"
	"slices"
	"strings"
)

// IsLitter reports whether a file or directory of this name (the last element
// of its path) is none that a person wants read: hidden files, other programs'
// half-written downloads, what operating systems leave behind.
func IsLitter(name string) bool {
	if name == "" || name[0] == '.' || name[0] == '~' {
		return true
	}
	lower := strings.ToLower(name)
	switch lower {
	case "thumbs.db", "desktop.ini", "__macosx":
		return true
	}
	for _, ending := range []string{".part", ".tmp", ".crdownload"} {
		if strings.HasSuffix(lower, ending) {
			return true
		}
	}
	return false
}

// memberIsLitter reports whether any element of a member's path is litter.
func memberIsLitter(name string) bool {
	return slices.ContainsFunc(elements(name), func(e string) bool { return e != "." && e != ".." && IsLitter(e) })
}

// memberIsRoute reports whether a member lies in a routes folder, where Strava
// and Garmin put courses that nobody has run.
func memberIsRoute(name string) bool {
	all := elements(name)
	return slices.ContainsFunc(all[:max(len(all)-1, 0)], func(e string) bool { return strings.EqualFold(e, "routes") })
}

// elements splits a member's path; some programs write it with backslashes.
func elements(name string) []string {
	return strings.FieldsFunc(name, func(r rune) bool { return r == '/' || r == '\\' })
}

// namedLikeActivity reports whether a member's name promises an activity, so
// that its content being something else deserves an answer.
func namedLikeActivity(name string) bool {
	lower := strings.TrimSuffix(strings.ToLower(name), ".gz")
	switch path.Ext(lower) {
	case ".fit", ".gpx", ".tcx":
		return true
	}
	return false
}
