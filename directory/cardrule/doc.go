// Package cardrule brings what a card reader sends to the number that a person's
// card has in the directory.
//
// Readers do not agree: one sends the UID of a card in hexadecimal, another the
// same octets in the other order and in decimal, a third facility and number.
// A Rule is a pipeline of small functions that brings one of these forms to
// another:
//
//	trim | strip_prefix(";0") | regex("^(\\d{8})") | hex2dec | pad_left(10,"0")
//
// Each function takes the text that the one before it returned. What comes out
// goes through directory.NormalCard, which is not the business of this package.
//
// # The functions
//
// Positions count octets from 0; a negative one counts from the end. In quotes a
// backslash is written twice, as in Go; between back quotes it is written once.
// A text without blanks, commas and parentheses needs no quotes.
//
//	trim  trim_left  trim_right        take blanks and line ends away, or what stands in (set)
//	strip_prefix(text)                 take text away if the number begins with it
//	strip_suffix(text)                 take text away if the number ends with it
//	remove(set)                        take the characters of set away, wherever they are
//	prepend(text)  append(text)        add text
//	regex(pattern[, group])            what the group has found; 1, or all if the pattern has no group
//	upper  lower                       letters A to Z
//	hex2dec dec2hex hex2bin bin2hex bin2dec dec2bin
//	                                   another base, of any length; capital letters, no leading zeros
//	ascii_decode  ascii_encode         "3934" is "94"
//	reverse_bytes                      1234AB is AB3412
//	reverse_bits                       the eight bits of each octet
//	reverse_nibbles                    1234AB is 2143BA
//	reverse                            1234AB is BA4321
//	slice(from[, to])                  at most what is there
//	left(n)  right(n)                  at most n characters
//	pad_left(n, c)  pad_right(n, c)    to at least n characters
//	wiegand(format, output[, input])   see below
//	concat(rule, rule...)              each rule gets the same text; the results are joined
//	first(rule, rule...)               the result of the first rule that fits the text
//	when(pattern, rule)                the result of the rule if the pattern is in the text, else the text
//	const(text)                        text, whatever came
//	keep                               what came
//
// wiegand takes the fields out of a number of 26 bits (format H10301: even
// parity over the first 12 data bits, 8 bits facility, 16 bits number, odd parity
// over the last 12) or 37 bits (H10304: 16 bits facility, 19 bits number, each
// parity over 18 data bits, of which they share one). Its input is "hex", which
// is the default, "dec" or "bin": the 24 or 35 data bits without parity. With
// "hex+parity", "dec+parity" or "bin+parity" it is the whole number, and a
// number whose parity is wrong is refused. Nothing is guessed from the length.
// Its outputs are "number", "facility*65536+number", "facility*524288+number",
// "FFFNNNNN" and "FFFFFNNNNNN", the last two with leading zeros. For H10304,
// facility*65536+number can be the same for two cards, because its numbers have
// 19 bits; facility*524288+number cannot.
//
// # What is promised
//
// A Rule never changes, and Parse(r.String()) is r. A rule is at most 1024
// characters and 16 functions long, it takes at most 256 octets, and no function
// returns more. Patterns are those of package regexp: their time grows with the
// length of the number and nothing else. A number that a function cannot read
// is an error for people that names the function and never the number.
//
// Rules of PaperCut, MyQ and SafeQ are read by FromPaperCut, FromMyQ and
// FromSafeQ, as far as their vendors have published what they mean. What is not
// published is refused.
//
// # Finding a rule
//
// Learn finds rules from pairs: what the reader sends, and the number that the
// same card has in the directory. LearnOne finds them from one card of somebody
// who is known.
//
// Several rules may fit. The UID 04A1B2C3 and the number 10597059 say that the
// last three octets are wanted in decimal, and not whether a smaller number is
// written with leading zeros; and with zeros in the right places a part of the
// UID may look like another. Three pairs are enough for the usual readers if the
// cards differ: one whose number begins with zeros, and one whose number is
// longer or shorter than the others, if there are such. As long as more than one
// rule is returned, the pairs do not decide; one more card does, for which the
// rules return different numbers. Rules that differ for no number like those of
// the pairs are returned once, in their simplest form.
//
// The package does not know people, readers or where a rule is kept.
package cardrule
