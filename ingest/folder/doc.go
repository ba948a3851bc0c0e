// Package folder finds activity files on disk: Walk lists what is below given
// paths once, for an import, and Folder watches one directory for good and
// hands every file that has stopped growing to an Acceptor.
//
// Both leave the same things alone. Litter is what programs leave behind or
// have not finished: names that begin with '.' or '~' or end in .part, .tmp or
// .crdownload, Thumbs.db and desktop.ini, in any case of letters; a directory
// with such a name is not entered. Symbolic links found below a directory are
// not followed, and what is not a regular file (a pipe, a device, a socket) is
// never opened. A directory is a directory whatever its name.
//
// A Folder does not trust a file until it has seen it twice: size, modification
// time and inode must have stayed the same for Config.Settle, and must be the
// same once more at the end of reading; otherwise the Acceptor gets an error in
// place of the end of the file and nothing is taken. Notifications only make it
// quick. What is true is found by looking: a full scan at the start, every
// Config.Rescan, and whenever notifications were lost, so that network mounts,
// which send none, work too.
package folder
