package pdl

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"
)

// What programs write is counted as qpdf and poppler count it.
func TestPagesOfPrograms(t *testing.T) {
	seven := ghostscript(t, 7)
	many := ghostscript(t, 300)
	incremental := update(qpdf(t, seven, "--object-streams=disable", "--force-version=1.4"), map[int]string{})

	tests := map[string]struct {
		pdf  []byte
		want int
	}{
		"ghostscript":                   {seven, 7},
		"ghostscript, one page":         {ghostscript(t, 1), 1},
		"ghostscript, PDF 1.2":          {ghostscript(t, 3, "-dCompatibilityLevel=1.2"), 3},
		"ghostscript, PDF 2.0":          {ghostscript(t, 3, "-dCompatibilityLevel=2.0"), 3},
		"ghostscript, many":             {many, 300},
		"object streams":                {qpdf(t, seven, "--object-streams=generate"), 7},
		"object streams, many":          {qpdf(t, many, "--object-streams=generate"), 300},
		"linearized":                    {qpdf(t, seven, "--linearize"), 7},
		"linearized and object streams": {qpdf(t, many, "--linearize", "--object-streams=generate"), 300},
		"readable":                      {qpdf(t, seven, "--qdf"), 7},
		"some pages":                    {qpdf(t, seven, "--pages", ".", "2-4", "--"), 3},
		"pages twice":                   {qpdf(t, seven, "--pages", ".", "1-7", "IN", "1-7", "--"), 14},
		"octets before the header":      {append([]byte("stray octets\n"), seven...), 7},
		"empty update":                  {incremental, 7},
		"page added": {
			update(tree("<</Type/Pages/Count 1/Kids[3 0 R]>>", map[int]string{3: leaf}),
				map[int]string{2: "<</Type/Pages/Count 2/Kids[3 0 R 4 0 R]>>", 4: leaf}), 2,
		},
		"page removed": {
			update(tree("<</Type/Pages/Count 2/Kids[3 0 R 4 0 R]>>", map[int]string{3: leaf, 4: leaf}),
				map[int]string{2: "<</Type/Pages/Count 1/Kids[4 0 R]>>"}), 1,
		},
		"tree of trees": {
			tree("<</Type/Pages/Count 3/Kids[3 0 R 4 0 R]>>", map[int]string{
				3: "<</Type/Pages/Parent 2 0 R/Count 2/Kids[5 0 R 6 0 R]>>", 4: leaf, 5: leaf, 6: leaf,
			}), 3,
		},
		"lists elsewhere": {
			tree("<</Type/Pages/Count 4 0 R/Kids 3 0 R>>", map[int]string{3: "[5 0 R 6 0 R]", 4: "2", 5: leaf, 6: leaf}), 2,
		},
		"objects in a stream": {
			compressed([]string{stream("/Type/ObjStm/N 3/First 15", "1 0 2 30 3 80  "+pad(catalog, 30)+pad("<</Type/Pages/Count 1/Kids[3 0 R]>>", 50)+leaf)},
				map[int][2]int{1: {0, 0}, 2: {0, 1}, 3: {0, 2}}), 1,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := qpdfPages(t, tt.pdf); got != tt.want {
				t.Errorf("qpdf counts %d, want %d", got, tt.want)
			}
			if got := popplerPages(t, tt.pdf); got != tt.want {
				t.Errorf("pdfinfo counts %d, want %d", got, tt.want)
			}
			if got, want := countHere(t, tt.pdf), (answer{Pages: tt.want, Sure: true}); got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
}

func pad(s string, n int) string { return s + strings.Repeat(" ", n-len(s)) }

// A password that only protects the permissions does not keep anybody from
// counting, one that opens does.
func TestPagesOfEncrypted(t *testing.T) {
	seven := ghostscript(t, 7)
	for name, method := range map[string][]string{
		"RC4, 40 bits":                         {"40"},
		"RC4, 128 bits":                        {"128", "--use-aes=n"},
		"AES, 128 bits":                        {"128", "--use-aes=y"},
		"AES, 256 bits":                        {"256"},
		"AES, revision 5 by Adobe's extension": {"256", "--force-R5"},
		"permissions":                          {"256", "--print=none", "--modify=none", "--extract=n"},
		"metadata in the clear":                {"256", "--cleartext-metadata"},
	} {
		for _, streams := range []string{"--object-streams=disable", "--object-streams=generate"} {
			t.Run(name+" "+streams, func(t *testing.T) {
				encrypt := func(user string) []byte {
					args := append([]string{"--allow-weak-crypto", streams, "--encrypt", user, "owner"}, method...)
					return qpdf(t, seven, append(args, "--")...)
				}
				free := encrypt("")
				if q, p := qpdfPages(t, free), popplerPages(t, free); q != 7 || p != 7 {
					t.Errorf("qpdf counts %d, pdfinfo %d", q, p)
				}
				if got, want := countHere(t, free), (answer{Pages: 7, Sure: true}); got != want {
					t.Errorf("got %+v, want %+v", got, want)
				}
				locked := encrypt("user")
				if q, p := qpdfPages(t, locked, "--password=user"), popplerPages(t, locked, "-upw", "user"); q != 7 || p != 7 {
					t.Errorf("qpdf counts %d, pdfinfo %d", q, p)
				}
				if got := countHere(t, locked); got.Pages != -1 || got.Why != whyPassword {
					t.Errorf("with a password: %+v", got)
				}
			})
		}
	}
}

// Drivers wrap a PDF in PJL; some send several in one document.
func TestPagesInPJL(t *testing.T) {
	two := string(tree("<</Type/Pages/Count 2/Kids[3 0 R 4 0 R]>>", map[int]string{3: leaf, 4: leaf}))
	head := uel + "@PJL JOB NAME=\"x\"\r\n@PJL SET COPIES=3\r\n@PJL ENTER LANGUAGE = PDF\r\n"
	tail := uel + "@PJL EOJ\r\n" + uel
	binary := string(tree("<</Type/Pages/Count 1/Kids[3 0 R]>>", map[int]string{3: leaf, 4: stream("", "\x00"+uel+"@PJL ENTER LANGUAGE=PCL\n\x1bE")}))

	tests := map[string]struct {
		doc  string
		want answer
	}{
		"bare":                       {two, answer{Pages: 2, Sure: true}},
		"header":                     {head + two, answer{Pages: 2, Sure: true}},
		"header and trailer":         {head + two + tail, answer{Pages: 2, Sure: true}},
		"trailer only":               {two + tail, answer{Pages: 2, Sure: true}},
		"NULs before":                {"\x00\x00\x00" + head + two + tail, answer{Pages: 2, Sure: true}},
		"two jobs":                   {head + two + tail + head + two + tail, answer{Pages: 4, Sure: true}},
		"two PDFs in a job":          {head + two + head + two + tail, answer{Pages: 4, Sure: true}},
		"one of them lies":           {head + two + head + strings.Replace(two, "/Count 2", "/Count 1", 1) + tail, answer{Pages: 4}},
		"the command within the PDF": {head + binary + tail, answer{Pages: 1, Sure: true}},
		"another language behind":    {head + two + uel + "@PJL ENTER LANGUAGE=PCL\n\x1bEtext\f\x1bE" + uel, unknown(whyMixed)},
		"another language":           {uel + "@PJL ENTER LANGUAGE=PDF\n\x1bEtext\f\x1bE" + uel, unknown(whyNotPDF)},
		"a header only":              {head, unknown(whyNotPDF)},
		"nothing":                    {"", unknown(whyNotPDF)},
		"blanks":                     {"\r\n\x00\x04 ", unknown(whyNotPDF)},
		"A14 very many":              {strings.Repeat(head+two, maxParts+1), unknown(whyLimits)},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := countHere(t, []byte(tt.doc))
			got.Cause = ""
			if got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

// What no program writes is counted as Ghostscript prints it, marked as
// doubtful where it contradicts itself, or not at all; never as 0.
func TestA30PagesOfCrooked(t *testing.T) {
	one := tree("<</Type/Pages/Count 1/Kids[3 0 R]>>", map[int]string{3: leaf})
	doubling := map[int]string{50: leaf}
	for n := 10; n < 50; n++ {
		doubling[n] = fmt.Sprintf("<</Type/Pages/Count 2/Kids[%d 0 R %d 0 R]>>", n+1, n+1)
	}
	deep := map[int]string{9_000: leaf}
	for n := 3; n < 9_000; n++ {
		deep[n] = fmt.Sprintf("<</Type/Pages/Count 1/Kids[%d 0 R]>>", n+1)
	}
	nested := strings.Repeat("[", 200_000) + strings.Repeat("]", 200_000)

	tests := map[string]struct {
		pdf   []byte
		pages int    // 0: unknown
		why   reason // it is unknown
		sure  bool   // the document does not contradict itself
		other bool   // Ghostscript prints another number, none or one page
	}{
		"A32 count too small":              {pdf: tree("<</Type/Pages/Count 1/Kids[3 0 R 4 0 R 5 0 R]>>", map[int]string{3: leaf, 4: leaf, 5: leaf}), pages: 3},
		"count too large":                  {pdf: tree("<</Type/Pages/Count 900/Kids[3 0 R]>>", map[int]string{3: leaf}), pages: 1},
		"count negative":                   {pdf: tree("<</Type/Pages/Count -2/Kids[3 0 R]>>", map[int]string{3: leaf}), pages: 1},
		"count missing":                    {pdf: tree("<</Type/Pages/Kids[3 0 R]>>", map[int]string{3: leaf}), pages: 1, other: true},
		"count a name":                     {pdf: tree("<</Type/Pages/Count/Two/Kids[3 0 R]>>", map[int]string{3: leaf}), pages: 1, other: true},
		"count its own reference":          {pdf: tree("<</Type/Pages/Count 4 0 R/Kids[3 0 R]>>", map[int]string{3: leaf, 4: "4 0 R"}), pages: 1, other: true},
		"A32 the same page twice":          {pdf: tree("<</Type/Pages/Count 1/Kids[3 0 R 3 0 R]>>", map[int]string{3: leaf}), pages: 2, other: true},
		"pages missing":                    {pdf: tree("<</Type/Pages/Count 3/Kids[3 0 R 7 0 R 8 0 R]>>", map[int]string{3: leaf}), pages: 1},
		"kids that are no pages":           {pdf: tree("<</Type/Pages/Count 3/Kids[3 0 R null (x)]>>", map[int]string{3: leaf}), pages: 1},
		"a page without a type":            {pdf: tree("<</Type/Pages/Count 1/Kids[3 0 R]>>", map[int]string{3: "<</MediaBox[0 0 9 9]>>"}), pages: 1, other: true},
		"a page called pages, no kids":     {pdf: tree("<</Type/Pages/Count 2/Kids[3 0 R 4 0 R]>>", map[int]string{3: leaf, 4: "<</Type/Pages/Count 0>>"}), pages: 1},
		"tree that is a page":              {pdf: tree(leaf, nil), pages: 1},
		"kids are a number":                {pdf: tree("<</Type/Pages/Count 1/Kids 9>>", nil), why: whyDamaged},
		"no pages":                         {pdf: tree("<</Type/Pages/Count 0/Kids[]>>", nil), why: whyEmpty},
		"no pages, says five":              {pdf: tree("<</Type/Pages/Count 5/Kids[]>>", nil), why: whyEmpty},
		"no page tree":                     {pdf: draft(map[int]string{1: "<</Type/Catalog>>"}), why: whyDamaged},
		"no catalog":                       {pdf: draft(map[int]string{2: leaf}), why: whyDamaged},
		"its own child":                    {pdf: tree("<</Type/Pages/Count 2/Kids[2 0 R 3 0 R]>>", map[int]string{3: leaf}), why: whyDamaged},
		"its own grandchild":               {pdf: tree("<</Type/Pages/Count 2/Kids[3 0 R]>>", map[int]string{3: "<</Type/Pages/Count 2/Kids[2 0 R]>>"}), why: whyDamaged},
		"list that is its own child":       {pdf: tree("<</Type/Pages/Count 2/Kids 3 0 R>>", map[int]string{3: "[3 0 R]"}), why: whyDamaged},
		"two to the power of forty":        {pdf: tree("<</Type/Pages/Count 2/Kids[10 0 R]>>", doubling), why: whyTooMany},
		"nine thousand deep":               {pdf: tree("<</Type/Pages/Count 1/Kids[3 0 R]>>", deep), why: whyDamaged},
		"lists in lists":                   {pdf: tree("<</Type/Pages/Count 1/Kids "+nested+">>", nil), why: whyDamaged},
		"claims a size of billions":        {pdf: bytes.Replace(one, []byte("/Size 4"), []byte("/Size 9999999999"), 1), pages: 1, sure: true},
		"a stream of four gigabytes":       {pdf: tree("<</Type/Pages/Count 1/Kids[3 0 R]>>", map[int]string{3: leaf, 4: "<</Length 4294967296>>stream\nx\nendstream"}), why: whyDamaged},
		"a filter that is the stream":      {pdf: tree("<</Type/Pages/Count 1/Kids[3 0 R]>>", map[int]string{3: leaf, 4: "<</Filter 4 0 R/Length 1>>stream\nx\nendstream"}), why: whyDamaged},
		"a catalog that is its own filter": {pdf: draft(map[int]string{1: "<</Filter 1 0 R/Length 1>>stream\nx\nendstream"}), why: whyDamaged},
		"a length that is itself":          {pdf: tree("<</Type/Pages/Count 1/Kids[3 0 R]>>", map[int]string{3: leaf, 4: "<</Length 4 0 R>>stream\nx\nendstream"}), why: whyDamaged},
		"update before itself":             {pdf: bytes.Replace(one, []byte("/Root"), []byte("/Prev 15/Root"), 1), pages: 1, sure: true},
		"garbage":                          {pdf: []byte("%PDF-1.7\n" + strings.Repeat("\x00\xff<<[(%", 5_000)), why: whyDamaged},
		"a header":                         {pdf: []byte("%PDF-1.7\n"), why: whyDamaged},
		"objects in a stream of itself":    {pdf: compressed([]string{stream("/Type/ObjStm/N 1/First 5", "50 0 ")}, map[int][2]int{1: {0, 0}, 50: {0, 0}}), why: whyDamaged},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := countHere(t, tt.pdf)
			if tt.pages == 0 {
				if got.Pages != -1 || got.Why != tt.why {
					t.Errorf("got %+v, want %s", got, tt.why)
				}
				return
			}
			if want := (answer{Pages: tt.pages, Sure: tt.sure}); got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
			if n := printed(t, tt.pdf); (n == tt.pages) == tt.other {
				t.Errorf("Ghostscript prints %d", n)
			}
		})
	}
}

// A document that lost its end is counted when all of its pages are there.
func TestA30PagesOfTruncated(t *testing.T) {
	for name, pdf := range map[string][]byte{
		"plain":          ghostscript(t, 7),
		"object streams": qpdf(t, ghostscript(t, 7), "--object-streams=generate"),
		"linearized":     qpdf(t, ghostscript(t, 7), "--linearize"),
	} {
		t.Run(name, func(t *testing.T) {
			for i := range 40 {
				got := countHere(t, pdf[:len(pdf)*i/40])
				switch {
				case got.Pages == -1 && got.Why != "":
				case got.Pages == 7 && got.Why == "":
				case got.Pages > 0 && got.Pages < 7 && got.Why == "" && !got.Sure:
				default:
					t.Errorf("%d fortieths: %+v", i, got)
				}
			}
		})
	}
}

// FuzzCount looks for documents that the parser does not survive. One over
// which it loops for ever would show as a hanging worker; in the node it is the
// limit on processor time that ends those.
func FuzzCount(f *testing.F) {
	one := onePage() // small, so that something is tried and not only made smaller
	for _, pdf := range [][]byte{
		one,
		update(one, map[int]string{4: leaf}),
		compressed([]string{stream("/Type/ObjStm/N 1/First 5", "1 0  "+catalog)}, map[int][2]int{1: {0, 0}}),
		[]byte(uel + "@PJL ENTER LANGUAGE=PDF\n" + string(one) + uel),
		qpdf(f, one, "--object-streams=generate"),
		qpdf(f, one, "--linearize"),
		qpdf(f, one, "--encrypt", "", "owner", "256", "--"),
	} {
		f.Add(pdf)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		l := limits{Object: 1 << 20}
		a := countDocument(ctx, l, b)
		if (a.Pages == -1) == (a.Why == "") || a.Pages == 0 || a.Pages < -1 || a.Pages > MaxPages {
			t.Errorf("%+v", a)
		}
		if len(a.Cause) > maxValue {
			t.Errorf("%d octets of cause", len(a.Cause))
		}
	})
}
