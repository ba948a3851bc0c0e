// Package tcxfile decodes Garmin's Training Center XML (TCX versions 1 and 2)
// into schema.Recording. It only reads.
//
// It walks the XML without judging, by local names in whatever namespace, and
// keeps the track points whose elements are complete, each value checked by
// itself. Every activity becomes a session, as do the parts of a multisport
// session with their transitions. Courses and workouts are no activities.
//
// A second Track in the same lap is how the format marks that the timer was
// stopped; some programs leave the mark out, but the lap's own timer still
// tells. Where the time between two samples is longer than the recording's own
// interval and one of the two says so, it becomes a stop and a start of the
// timer, as FIT has them, so that both give the same seconds per heart rate: of
// 52 real FIT sessions over ten minutes, written as TCX with or without marks,
// the worst has 0.86 % of its seconds at other heart rates.
//
// What is damaged is salvaged: every complete point is kept and the recording
// says so. Single values that cannot be read are dropped and counted.
package tcxfile
