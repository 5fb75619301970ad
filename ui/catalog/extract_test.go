package catalog

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const root = "../.."

// englishOnly are the packages whose sentences are only ever seen on a command
// line, in a log or by those who build, which speak English.
var englishOnly = []string{"cmd", "config", "internal", "bin", "dist", "var", "testdata", "docs", "packaging"}

// sentences returns every sentence of the tree that may reach a person through
// a page or an API, with the places where it stands.
func sentences(t *testing.T) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(root, path)
		switch {
		case d.IsDir() && rel != "." && (slices.Contains(englishOnly, rel) || strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || strings.HasSuffix(d.Name(), "test")):
			return filepath.SkipDir
		case strings.HasSuffix(path, ".html"):
			return fromTemplate(path, rel, found)
		case strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") && filepath.Dir(rel) != "ui/catalog":
			return fromGo(path, rel, found)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

var inTemplate = regexp.MustCompile(`\.T ("(?:[^"\\]|\\.)*")`)

func fromTemplate(path, rel string, found map[string][]string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	for _, m := range inTemplate.FindAllSubmatch(b, -1) {
		key, err := strconv.Unquote(string(m[1]))
		if err != nil {
			return err
		}
		found[key] = append(found[key], rel)
	}
	return nil
}

// A sentence begins with a capital letter and ends like one. Log messages and
// the words of protocols do not.
var sentence = regexp.MustCompile(`^[A-Z“][^\n]* [^\n]*[\p{L}\d”")s][.?!]$`)

// fields are those of composite literals that people read, and calls those
// whose first argument is a key, whatever it looks like.
var (
	fields = []string{"Text", "Message", "WhyNot", "Why", "Detail"}
	calls  = []string{"T", "Text", "sheet"}
	keyed  = []string{"Status", "From", "Use", "Vouched"} // constants whose words stand in a table
)

func fromGo(path, rel string, found map[string][]string) error {
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, path, nil, 0)
	if err != nil {
		return err
	}
	add := func(e ast.Expr, sure bool) {
		if s, ok := constant(e); ok && s != "" && (sure || sentence.MatchString(s)) {
			pos := rel + ":" + strconv.Itoa(fset.Position(e.Pos()).Line)
			if !slices.Contains(found[s], pos) {
				found[s] = append(found[s], pos)
			}
		}
	}
	inUI := strings.HasPrefix(rel, "ui/")
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ImportSpec, *ast.Field: // paths and struct tags
			return false
		case *ast.KeyValueExpr:
			if id, ok := n.Key.(*ast.Ident); ok && slices.Contains(fields, id.Name) {
				add(n.Value, sentenceLike(n.Value))
			}
			if _, isMap := n.Key.(*ast.BasicLit); isMap && inUI {
				add(n.Value, true)
			}
			if id, ok := n.Key.(*ast.Ident); ok && inUI && (id.Name == "true" || id.Name == "false") {
				add(n.Value, true)
			}
			if sel, ok := n.Key.(*ast.SelectorExpr); ok && inUI && slices.ContainsFunc(keyed, func(w string) bool { return strings.HasPrefix(sel.Sel.Name, w) }) {
				add(n.Value, true)
			}
		case *ast.CallExpr:
			if sel, ok := n.Fun.(*ast.SelectorExpr); ok && inUI && len(n.Args) > 0 && slices.Contains(calls, sel.Sel.Name) {
				add(n.Args[0], true)
			}
		case *ast.BinaryExpr:
			if _, ok := constant(n); ok {
				add(n, false)
				return false
			}
		case *ast.BasicLit:
			add(n, false)
		}
		return true
	})
	return nil
}

// sentenceLike keeps words of protocols out: "idle" is no sentence, "On its
// way" is.
func sentenceLike(e ast.Expr) bool {
	s, ok := constant(e)
	return ok && strings.Contains(s, " ") && s[0] >= 'A' && s[0] <= 'Z'
}

// constant returns the value of a string literal, or of several added up.
func constant(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		if e.Kind != token.STRING {
			return "", false
		}
		s, err := strconv.Unquote(e.Value)
		return s, err == nil
	case *ast.BinaryExpr:
		a, ok := constant(e.X)
		b, also := constant(e.Y)
		return a + b, ok && also && e.Op == token.ADD
	case *ast.ParenExpr:
		return constant(e.X)
	}
	return "", false
}

// The German sentence for every English one; a new sentence without one fails
// here, with the place where it stands.
func TestEverySentenceHasGerman(t *testing.T) {
	found := sentences(t)
	if len(found) < 100 {
		t.Fatalf("only %d sentences found; the test is blind", len(found))
	}
	keys := make([]string, 0, len(found))
	for key := range found {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, key := range keys {
		_, plain := german.Sentences[key]
		_, counted := german.Counted[key]
		if !plain && !counted {
			t.Errorf("no German for %q\n\tat %s", key, strings.Join(found[key], ", "))
		}
		if plain && counted {
			t.Errorf("German twice for %q", key)
		}
	}
}

// What nobody says any more goes, or the translation would be kept for ever.
func TestNoGermanWithoutEnglish(t *testing.T) {
	found := sentences(t)
	for _, l := range []*Language{german, english} {
		for key := range l.Sentences {
			if len(found[key]) == 0 {
				t.Errorf("%s: nobody says %q", l.Tag, key)
			}
		}
		for key := range l.Counted {
			if len(found[key]) == 0 {
				t.Errorf("%s: nobody counts %q", l.Tag, key)
			}
		}
	}
}

var verb = regexp.MustCompile(`%(\[\d+\])?[+#]?[a-zA-Z%]`)

// A translation must speak of the same things as its key.
func TestTranslationsKeepTheirVerbs(t *testing.T) {
	same := func(key, translation string) {
		want, got := verb.FindAllString(key, -1), verb.FindAllString(translation, -1)
		for i := range got {
			got[i] = regexp.MustCompile(`\[\d+\]`).ReplaceAllString(got[i], "")
		}
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(want, got) {
			t.Errorf("%q has %v, its translation %q has %v", key, want, translation, got)
		}
	}
	for key, s := range german.Sentences {
		same(key, s)
	}
	for _, l := range []*Language{german, english} {
		for key, c := range l.Counted {
			same(key, c.Other)
		}
	}
}
