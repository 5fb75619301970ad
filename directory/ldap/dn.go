package ldap

import (
	"slices"
	"strings"
	"unicode/utf8"

	goldap "github.com/go-ldap/ldap/v3"

	"platen/directory"
)

// normalDN brings a distinguished name to a form in which names of one entry are
// the same text: case, white space, escapes and the order within a relative name
// do not matter (RFC 4517, section 4.2.15). What is no name stands for itself.
func normalDN(dn string) string {
	if n, ok := plainDN(dn); ok {
		return n
	}
	return anyDN(dn)
}

// plainDN is normalDN for what most names are: nothing is escaped, and each
// relative name is of one attribute. It is false for others.
func plainDN(dn string) (string, bool) {
	if strings.ContainsAny(dn, "\\+;\"<>#\x00") || !utf8.ValidString(dn) {
		return "", false
	}
	var b strings.Builder
	b.Grow(len(dn))
	for rdn := range strings.SplitSeq(dn, ",") {
		name, value, ok := strings.Cut(rdn, "=")
		name, value = strings.Trim(name, " "), strings.Trim(value, " ")
		if !ok || name == "" || value == "" {
			return "", false
		}
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strings.ToLower(name))
		b.WriteByte('=')
		b.WriteString(separators.Replace(foldValue(value)))
	}
	return b.String(), true
}

// anyDN is normalDN for all names.
func anyDN(dn string) string {
	parsed, err := goldap.ParseDN(dn)
	if err != nil {
		return "?" + directory.Fold(dn)
	}
	var b strings.Builder
	for i, rdn := range parsed.RDNs {
		if i > 0 {
			b.WriteByte(',')
		}
		parts := make([]string, 0, 1)
		for _, a := range rdn.Attributes {
			parts = append(parts, strings.ToLower(a.Type)+"="+separators.Replace(foldValue(a.Value)))
		}
		slices.Sort(parts)
		b.WriteString(strings.Join(parts, "+"))
	}
	return b.String()
}

var separators = strings.NewReplacer(`\`, `\5c`, ",", `\2c`, "+", `\2b`)

// foldValue is directory.Fold with inner white space as one space. The usual
// value, small letters without blanks, stays as it is.
func foldValue(s string) string {
	plain := func(c rune) bool {
		return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '.' || c == '_'
	}
	if !strings.ContainsFunc(s, func(c rune) bool { return !plain(c) }) {
		return s
	}
	return strings.Join(strings.Fields(fold(s)), " ")
}

// fold is directory.Fold, faster for the letters of English.
func fold(s string) string {
	if strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c > '~' }) {
		return directory.Fold(s)
	}
	return strings.ToLower(strings.TrimSpace(s))
}

// below reports whether an entry is base or below it; both are in normal form.
func below(dn, base string) bool { return dn == base || base == "" || strings.HasSuffix(dn, ","+base) }

// nobody is the name of an entry that is not there.
func nobody(base string) string {
	const name = "cn=0c2e6a5e-nobody"
	if base == "" {
		return name
	}
	return name + "," + base
}
