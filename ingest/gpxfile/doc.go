// Package gpxfile decodes GPX tracks (versions 1.0 and 1.1, and what calls
// itself that) into schema.Recording. It is the only user of gpxgo.
//
// gpxgo by itself reads whole documents, loses the extensions of GPX 1.0 (and
// with them the heart rate), cuts times at the decimal point together with
// their zone, and gives up on the first bad entity. So a reader of ours stands
// in front of it: it walks the XML without judging, keeps the track points
// whose elements are complete, checks every value, and hands gpxgo chunks of
// clean GPX 1.1 tokens. Milliseconds, zones and the values of extensions travel
// beside the chunks.
//
// What is damaged is salvaged: every complete point is kept and the recording
// says so. Single values that cannot be read are dropped and counted.
package gpxfile
