// Package fitfile decodes FIT activity files into recordings.
//
// Two readers share the work. A walk of ours goes over the bytes once and
// fills the sample columns: it takes what real watches write (chained
// sections, truncation, odd definitions, relative clocks, strap heart rates)
// and allocates nothing per record. The summary messages it meets (file_id,
// session, lap, activity, device_info) are written again as a small canonical
// FIT stream, little-endian and exactly as the profile has them, which
// tormoder/fit decodes into its typed messages. Used directly on real files,
// that package refuses one in seven, and adds up distances across calls.
//
// This is the only package that imports tormoder/fit.
package fitfile
