package pdl

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// What a header says that Examine does not look for.
func TestCommentsAndSettings(t *testing.T) {
	head := []byte("\x00" + uel + "@PJL JOB NAME=\"x\"\r\n@PJL COMMENT SAP_USER=\"MÜLLER\"\r\n@pjl set no=1\r\n@PJL  comment  \"two words\"\n@PJL COMMENT\n" +
		"@PJL DEFAULT JOBOWNER=\"device\"\r\n@PJL SET JOBOWNER = \"j\xfcrgen\"\r\n@PJL SET JOBOWNER=\"later\"\r\n@PJL ENTER LANGUAGE=PCL\r\n\x1bE@PJL COMMENT \"in the document\"\r\n")
	head = []byte(strings.Replace(string(head), "@pjl set no=1\r\n", "", 1)) // lower case ends a header
	if got, want := Comments(head), []string{`SAP_USER="MÜLLER"`, "two words", ""}; !slices.Equal(got, want) {
		t.Errorf("comments %q, want %q", got, want)
	}
	for name, want := range map[string]string{"JOBOWNER": "jürgen", "jobowner": "jürgen", "JOB": "", "": ""} {
		if got := Setting(head, name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	for _, b := range []string{"", uel, "@PJL", "@PJL SET", "%PDF-1.7", uel + "@PJL " + strings.Repeat("x", HeadOctets)} {
		if got := Setting([]byte(b), "X"); got != "" || len(Comments([]byte(b))) != 0 {
			t.Errorf("%.20q: %q, %q", b, got, Comments([]byte(b)))
		}
	}
}

// However a header is made, what it says is short text.
func FuzzComments(f *testing.F) {
	f.Add([]byte(uel+"@PJL COMMENT \"a\r\n@PJL SET USERNAME=\"anna\"\r\n"), "USERNAME")
	f.Add([]byte("@PJL SET =\n@PJL\n"), "")
	f.Fuzz(func(t *testing.T, b []byte, name string) {
		list := append(Comments(b), Setting(b, name))
		for _, s := range list {
			if !utf8.ValidString(s) || len(s) > maxValue || strings.ContainsRune(s, 0) {
				t.Errorf("%q", s)
			}
		}
		if len(list) > maxLines+1 {
			t.Errorf("%d comments", len(list))
		}
	})
}
