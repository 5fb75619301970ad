package directory

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Similar reports whether a claimed name is like one of a person's names: close
// enough to ask that person, never enough to name an owner. warn says that it
// only looks like the name, with letters of another script. The rules, none of
// which speaks of names shorter than leastSimilar:
//
//   - it is the same, or it looks the same;
//   - one stands within the other;
//   - one letter is different, missing, too much or swapped with its neighbour,
//     in a name of eight and more, two;
//   - it is made of the full name: initial and surname, surname and initial,
//     both names, in either order.
func Similar(u *User, claimed string) (similar, warn bool) {
	name := bare(claimed)
	if utf8.RuneCountInString(name) < leastSimilar || utf8.RuneCountInString(name) > mostSimilar || Generic(claimed) {
		return false, false
	}
	looks := lookalike(name)
	for _, own := range ownNames(u) {
		alike := lookalike(own)
		switch {
		case own == name:
			return true, false
		case alike == looks:
			warn = true
		case near(name, own):
			similar = true
		case near(looks, alike):
			warn = true
		}
	}
	return similar || warn, warn
}

// A name shorter than leastSimilar is like too many, one longer than mostSimilar is no name.
const (
	leastSimilar = 4
	mostSimilar  = 64
)

// bare is a folded name without its domain and without what stands between its
// parts.
func bare(name string) string {
	name = Fold(clean(name))
	name = name[strings.LastIndexByte(name, '\\')+1:]
	if i := strings.IndexByte(name, '@'); i > 0 {
		name = name[:i]
	}
	return parts(name)
}

func parts(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsMark(r) || unicode.IsDigit(r) {
			return r
		}
		return -1
	}, name)
}

// ownNames are the bare names that a person goes by.
func ownNames(u *User) []string {
	var list []string
	add := func(name string) {
		if n := utf8.RuneCountInString(name); n >= leastSimilar && n <= mostSimilar && !slices.Contains(list, name) {
			list = append(list, name)
		}
	}
	for _, name := range append([]string{u.Login, u.UPN, u.Email}, u.Aliases...) {
		add(bare(name))
	}
	words := strings.Fields(Fold(u.FullName))
	if len(words) < 2 || len(words) > 6 {
		return list
	}
	first, last := parts(words[0]), parts(words[len(words)-1])
	if first == "" || last == "" {
		return list
	}
	f, l := initial(first), initial(last)
	for _, name := range []string{first + last, last + first, f + last, last + f, first + l, l + first} {
		add(name)
	}
	return list
}

func initial(s string) string {
	_, size := utf8.DecodeRuneInString(s)
	return s[:size]
}

// near reports whether one name is within the other, or few letters differ.
func near(a, b string) bool {
	if strings.Contains(a, b) || strings.Contains(b, a) {
		return true
	}
	most := 1
	if min(utf8.RuneCountInString(a), utf8.RuneCountInString(b)) >= 8 {
		most = 2
	}
	return distance([]rune(a), []rune(b), most) <= most
}

// distance counts the letters that are different, missing, too much or swapped
// (optimal string alignment), and gives up beyond most. Both have at most
// mostSimilar letters.
func distance(a, b []rune, most int) int {
	if len(a)-len(b) > most || len(b)-len(a) > most {
		return most + 1
	}
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}

// lookalike brings letters that look the same to one of them. It is for names
// that are shown to a person who decides, never for naming an owner.
func lookalike(s string) string {
	return strings.Map(func(r rune) rune {
		if l, ok := lookalikes[r]; ok {
			return l
		}
		return r
	}, s)
}

// lookalikes are letters of names, folded, that people take for a Latin one:
// Cyrillic, Greek, the dotless and the dotted Turkish i, digits.
var lookalikes = map[rune]rune{
	'а': 'a', 'в': 'b', 'с': 'c', 'ԁ': 'd', 'е': 'e', 'һ': 'h', 'і': 'i', 'ј': 'j', 'к': 'k', 'м': 'm', 'н': 'h', 'о': 'o', 'р': 'p', 'ԛ': 'q', 'ѕ': 's', 'т': 't', 'у': 'y', 'ѵ': 'v', 'ԝ': 'w', 'х': 'x', 'ӏ': 'l',
	'α': 'a', 'β': 'b', 'ε': 'e', 'η': 'n', 'ι': 'i', 'κ': 'k', 'ν': 'v', 'ο': 'o', 'ρ': 'p', 'τ': 't', 'υ': 'u', 'χ': 'x', 'ϲ': 'c', 'ϳ': 'j',
	'ı': 'i', 'İ': 'i', 'ɑ': 'a', 'ɡ': 'g', '0': 'o', '1': 'l',
}

// Generic reports whether a name is one that many computers claim for whoever
// prints: it says nothing about a person, so it becomes nobody's alias and is
// like nobody's name.
func Generic(name string) bool {
	name = bare(name)
	return name == "" || slices.Contains(generic, strings.TrimRight(name, "0123456789"))
}

// generic are bare names: accounts of systems and services, and what drivers
// write when they know nobody.
var generic = []string{
	"", "admin", "administrator", "administrador", "administrateur", "anonymous", "benutzer", "client", "cups", "daemon", "default", "demo",
	"gast", "guest", "host", "invite", "kiosk", "local", "localadmin", "localuser", "lokal", "lokaleradmin", "lokalerbenutzer", "lp", "lpadmin", "mobile", "network",
	"networkservice", "nobody", "noname", "none", "operator", "owner", "pc", "print", "printer", "printuser", "prt", "public", "qsecofr", "qspl", "quser",
	"remote", "remoteprint", "remroot", "root", "sapadm", "sapservice", "scan", "scanner", "service", "student", "svc", "sys", "system", "temp", "test", "tester", "testuser",
	"ubuntu", "unknown", "unbekannt", "user", "username", "usuario", "utente", "utilisateur", "visitor", "windows", "workgroup", "www", "wwwdata",
}
