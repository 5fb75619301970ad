package main

import (
	"fmt"
	"strings"
)

// cardFunctions is what every function of a card rule does, for those who write one.
var cardFunctions = []cardFunction{
	{[]string{"trim", "trim_left", "trim_right"}, "take blanks and line ends away, or what stands in (set)"},
	{[]string{"strip_prefix(text)"}, "take text away if the number begins with it"},
	{[]string{"strip_suffix(text)"}, "take text away if the number ends with it"},
	{[]string{"remove(set)"}, "take the characters of set away, wherever they are"},
	{[]string{"prepend(text)", "append(text)"}, "add text"},
	{[]string{"regex(pattern[, group])"}, "what the group has found; 1, or all if the pattern has no group"},
	{[]string{"upper", "lower"}, "letters A to Z"},
	{[]string{"hex2dec", "dec2hex", "hex2bin", "bin2hex", "bin2dec", "dec2bin"}, "another base, of any length; capital letters, no leading zeros"},
	{[]string{"ascii_decode", "ascii_encode"}, `"3934" is "94"`},
	{[]string{"reverse_bytes"}, "1234AB is AB3412"},
	{[]string{"reverse_bits"}, "the eight bits of each octet"},
	{[]string{"reverse_nibbles"}, "1234AB is 2143BA"},
	{[]string{"reverse"}, "1234AB is BA4321"},
	{[]string{"slice(from[, to])"}, "characters, counted from 0; a negative one from the end"},
	{[]string{"left(n)", "right(n)"}, "at most n characters"},
	{[]string{"pad_left(n, c)", "pad_right(n, c)"}, "to at least n characters"},
	{[]string{"wiegand(format, output[, input])"}, `of H10301 or H10304: "number", "facility*65536+number", "FFFNNNNN" ...`},
	{[]string{"concat(rule, rule...)"}, "each rule gets the same text; the results are joined"},
	{[]string{"first(rule, rule...)"}, "the result of the first rule that fits the text"},
	{[]string{"when(pattern, rule)"}, "the result of the rule if the pattern is in the text, else the text"},
	{[]string{"const(text)"}, "text, whatever came"},
	{[]string{"keep"}, "what came"},
}

// cardFunction is functions that do alike.
type cardFunction struct {
	Functions []string `json:"functions"` // with what they take
	Does      string   `json:"does"`
}

func listFunctions(c *call) error {
	if c.json {
		return writeJSON(c.out, cardFunctions)
	}
	for _, f := range cardFunctions {
		names := strings.Join(f.Functions, "  ")
		if len(names) > 34 { // what it does begins below
			names += "\n" + strings.Repeat(" ", 34)
		}
		fmt.Fprintf(c.out, "%-34s %s\n", names, f.Does)
	}
	_, err := fmt.Fprint(c.out, "\nA rule is functions with bars between: trim | strip_prefix(\";0\") | hex2dec | pad_left(10, \"0\")\n")
	return err
}
