// Package xmltrack holds what the decoders of track points in XML (GPX, TCX)
// share: the text in whatever encoding it comes, a lenient and bounded lexer,
// times with their zones, values with their plausible ranges, and the columns
// that samples are collected in. It knows neither format.
//
// encoding/xml is not used: its decoder stops for good at the first broken tag,
// where a damaged file should be salvaged, and holds a text or an attribute of
// any length in memory.
package xmltrack
