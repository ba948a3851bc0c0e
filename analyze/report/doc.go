// Package report puts what is known into words, for people and as JSON: how a
// session's figures came about, what other settings would change, and an
// athlete's weeks, as text and as a page. It computes no figure that a view or
// the arithmetic does not give it.
package report
